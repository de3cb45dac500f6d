"""Signs of life: each process gives them while it works, and looks after all the others.

A process shows that it lives to whoever asks on its machine (`probe.py`), and in Postgres to the
other processes. When nobody has looked whether all is well for a while, the next one that gives
a sign of life does. So any process that is left notices the others, beat included.
"""

import math
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Sequence

import psycopg

from messaging import alerting, events, probe
from messaging.outages import reason_of
from messaging.postgres import heartbeats
from messaging.postgres.connect import AWAY
from messaging.runtime import Runtime
from messaging.settings import Settings

_MISSED = 4
"""Signs of life that a process may leave out before a probe counts it as hanging."""
_EX_SOFTWARE = 70
"""sysexits.h: an internal error. The exit code of a process that gives itself up."""


class Errand:
    """Something that is done in a thread of its own, and not again before it has ended."""

    def __init__(self, name: str, what: Callable[[], None]) -> None:
        self._name = name
        self._what = what
        self._thread: threading.Thread | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether it is being done."""
        return self._thread is not None and self._thread.is_alive()

    def run(self) -> None:
        """Begins it, unless it is under way."""
        if not self.is_under_way:
            thread = threading.Thread(target=self._what, name=self._name, daemon=True)
            thread.start()
            self._thread = thread

    def join(self, longest: float) -> None:
        """Waits until it has ended, at most for so many seconds."""
        if self._thread:
            self._thread.join(longest)


class Heart:
    """Gives the signs of life of this process, from a thread of its own, until it is stopped."""

    def __init__(
        self, rt: Runtime, roles: Sequence[str], name: str, lives: Callable[[], bool]
    ) -> None:
        """`lives` is asked before each sign of life, in that thread."""
        self._rt = rt
        self._roles = roles
        self._name = name
        self._lives = lives
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._failed: set[str] = set()
        self._beating = Errand("beating", self._beat)
        self._looking = Errand("looking", self._look)
        self._replaced: list[str] = []

    def start(self) -> None:
        """Begins to beat, and forgets processes of this machine that ended without a word."""
        gone = [process for role in self._roles for process in probe.clear(role)]
        self._replaced = [process for process in gone if process != self._name]
        threading.Thread(target=self._run, name="heart", daemon=True).start()

    def stop(self) -> None:
        """Says goodbye: nobody need miss this process."""
        with self._lock:
            if self._stopped.is_set():
                return
            self._stopped.set()
        for role in self._roles:
            probe.remove(role)
        self._beating.join(1.0)
        self._looking.join(1.0)
        self._forget()

    def give_up(self, seconds: float, reason: str, busy: Callable[[], bool]) -> None:
        """Ends this process, so that whoever watches it starts it anew.

        What is under way (`busy`) gets the time that a send may take.
        """
        events.standstill_noticed(process=self._name, seconds=seconds, reason=reason)
        settings = self._rt.settings
        longest = settings.send_deadline + settings.connect_timeout + settings.read_timeout
        self._rt.stopping.set()
        until = self._rt.monotonic() + longest
        while busy() and self._rt.monotonic() < until:
            time.sleep(0.1)
        self.stop()
        sys.stderr.flush()
        os._exit(_EX_SOFTWARE)

    def _run(self) -> None:
        while not self._stopped.is_set():
            if self._lives():
                self._give_sign()
            self._stopped.wait(self._rt.settings.pulse)

    def _give_sign(self) -> None:
        with self._lock:  # none after the goodbye: it would be missed ever after
            if not self._stopped.is_set():
                self._show()
                self._beating.run()

    def _show(self) -> None:
        until = self._rt.monotonic() + _MISSED * self._rt.settings.pulse
        try:
            for role in self._roles:
                probe.write(role, self._name, until)
        except OSError as error:
            self._complain(error)

    def _beat(self) -> None:
        rest = None if self._looking.is_under_way else self._rt.settings.rest
        clock = time.clock_gettime(time.CLOCK_REALTIME)
        try:
            with self._rt.db.connection() as conn:
                clock = time.clock_gettime(time.CLOCK_REALTIME)
                if self._replaced:
                    heartbeats.forget(conn, self._replaced)
                is_our_turn = heartbeats.beat_heart(conn, self._name, self._roles, clock, rest)
        except AWAY:  # said by those who need it
            return
        except psycopg.Error as error:
            self._complain(error)
            return
        self._replaced = []
        if is_our_turn:
            self._looking.run()

    def _look(self) -> None:
        try:
            alerting.look(self._rt)
            alerting.tell(self._rt)
        except AWAY:
            return
        except psycopg.Error as error:
            self._complain(error)

    def _forget(self) -> None:
        try:
            with self._rt.db.connection(timeout=1.0) as conn:
                heartbeats.forget(conn, [self._name])
        except psycopg.Error:  # then it is missed for a while
            return

    def _complain(self, error: BaseException) -> None:
        """Once for each kind of trouble: what fails each ten seconds would fill the log."""
        reason = reason_of(error)
        if reason not in self._failed:
            self._failed.add(reason)
            events.pulse_failed(process=self._name, reason=reason)


def looks_in(seconds: float, settings: Settings) -> int:
    """How many looks at itself a process has in so many seconds; at least two."""
    return max(2, math.ceil(seconds / settings.pulse))


def called(what: str) -> str:
    """What a process is called that has no name of Celery's: `beat@host`."""
    return f"{what}@{platform.node()}"
