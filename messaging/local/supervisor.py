"""Keeps child processes running: starts, restarts and stops them, and passes on what they print.

One thread and no callbacks from elsewhere: everything happens in `run` and `stop`.
"""

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from types import FrameType

from messaging.errors import MessagingError
from messaging.local.process import Process

_TURN = 0.05
"""Seconds between two looks at the children."""
_SHORTEST_WAIT, _LONGEST_WAIT = 0.5, 30.0
"""Seconds before a child that died is started again; doubles while it keeps dying."""
_STEADY = 20.0
"""A child that ran for so many seconds is not one that keeps dying."""
_HOPELESS = 3
"""Deaths in a row after which a start has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A process that is to be there. Those with a lower `stage` are stopped earlier."""

    name: str
    launch: Callable[[], Process]
    stage: int
    patience: float = 5.0
    """Seconds that it may take to stop."""


@dataclass(slots=True)
class _Child:
    role: Role
    process: Process | None = None
    since: float = 0.0
    again_at: float = 0.0
    deaths: int = 0
    """In a row, none of them after a steady while."""
    unread: bytes = b""


class Supervisor:
    """The children of one `messaging up`."""

    def __init__(
        self, *, on_line: Callable[[str, str], None], on_end: Callable[[str, int, float], None]
    ) -> None:
        """Nothing starts yet.

        `on_line` gets the name and the line of whoever prints one; `on_end` the name, the exit
        code and the seconds to the next start of whoever ends without being asked.
        """
        self._on_line = on_line
        self._on_end = on_end
        self._children: list[_Child] = []
        self._selector = selectors.DefaultSelector()
        self._asked = 0
        self._interrupts = False

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether somebody pressed Ctrl-C, sent SIGTERM, or closed the terminal."""
        return self._asked > 0

    @property
    def hopeless(self) -> list[str]:
        """Who has ended several times in a row since it was first started."""
        return [child.role.name for child in self._children if child.deaths >= _HOPELESS]

    def start(self, role: Role) -> None:
        """Start it, and again whenever it ends. Raises what `launch` raises the first time."""
        child = _Child(role)
        self._children.append(child)
        self._launch(child)

    def run(self, *, until: Callable[[], bool] = lambda: False, limit: float = inf) -> bool:
        """Look after the children until `until()`; False after `limit` seconds or when stopped."""
        end = time.monotonic() + limit
        while not self._asked and time.monotonic() < end:
            self._restart_dead()
            if until():
                return True
            self._turn()
        return False

    def stop(self) -> None:
        """Stop all, stage by stage; kill who takes too long, and all on one more Ctrl-C."""
        asked = self._asked
        for stage in sorted({child.role.stage for child in self._children}):
            here = [child for child in self._children if child.role.stage == stage]
            self._stop(here, asked)
        self._children.clear()

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """While it lasts, Ctrl-C, SIGTERM and a closed terminal are requests to stop.

        `run` and `stop` see them between two looks, others by `is_asked_to_stop`.
        """
        names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {name: signal.signal(name, self._ask) for name in names}
        try:
            yield
        finally:
            for name, old in before.items():
                signal.signal(name, old)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """While it lasts, they raise KeyboardInterrupt instead: for what may take for ever.

        Not for what starts processes: Python swallows an exception in its hooks at a fork.
        """
        self._interrupts = True
        try:
            yield
        finally:
            self._interrupts = False

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked += 1
        if self._interrupts:
            raise KeyboardInterrupt

    def _launch(self, child: _Child) -> None:
        child.since = time.monotonic()
        child.process = child.role.launch()
        if output := child.process.output:
            os.set_blocking(output.fileno(), False)
            self._selector.register(output, selectors.EVENT_READ, child)

    def _turn(self) -> None:
        """For a moment, pass on what is printed."""
        end = time.monotonic() + _TURN
        while (left := end - time.monotonic()) > 0 and self._selector.get_map():
            for key, _ in self._selector.select(left):
                child: _Child = key.data
                self._read(child, _some(key.fd))
        time.sleep(max(0.0, end - time.monotonic()))

    def _read(self, child: _Child, read: bytes | None) -> None:
        """Pass on whole lines; when nothing more can come, what is left too."""
        if read is None:
            return
        *lines, child.unread = (child.unread + read).split(b"\n")
        for line in lines:
            self._on_line(child.role.name, line.decode(errors="replace").rstrip())
        if not read:
            self._forget_output(child)

    def _forget_output(self, child: _Child) -> None:
        output = child.process.output if child.process else None
        if output and not output.closed:
            self._selector.unregister(output)
            output.close()
        if child.unread:
            self._on_line(child.role.name, child.unread.decode(errors="replace"))
            child.unread = b""

    def _restart_dead(self) -> None:
        for child in self._children:
            code = child.process.exit_code() if child.process else None
            if code is not None:
                self._bury(child)
                self._on_end(child.role.name, code, self._schedule(child))
            elif child.process is None and time.monotonic() >= child.again_at:
                self._launch_again(child)

    def _launch_again(self, child: _Child) -> None:
        try:
            self._launch(child)
        except (MessagingError, OSError) as error:
            self._on_line(child.role.name, f"{error} Again in {self._schedule(child):g} s.")

    def _schedule(self, child: _Child) -> float:
        """When it starts again: seconds from now."""
        now = time.monotonic()
        if now - child.since > _STEADY:
            child.deaths = 0
        wait = min(_SHORTEST_WAIT * 2.0**child.deaths, _LONGEST_WAIT)
        child.deaths += 1
        child.again_at = now + wait
        return wait

    def _bury(self, child: _Child) -> None:
        """End what it leaves behind in its process group, and pass on its last words."""
        if child.process is None:
            return
        child.process.kill()
        output = child.process.output
        while output and not output.closed and (read := _some(output.fileno())):
            self._read(child, read)
        self._forget_output(child)
        child.process = None

    def _stop(self, children: Sequence[_Child], asked: int) -> None:
        """Ask them, and bury each when it has ended or has had its time."""
        began = time.monotonic()
        for child in children:
            if child.process:
                child.process.ask()
        while left := [child for child in children if child.process]:
            patience = time.monotonic() - began if self._asked == asked else inf
            for child in left:
                if not _lives(child) or patience > child.role.patience:
                    self._bury(child)
            self._turn()


def _lives(child: _Child) -> bool:
    return child.process is not None and child.process.exit_code() is None


def _some(descriptor: int) -> bytes | None:
    """What can be read: empty at the end, None where there's nothing yet."""
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return None
