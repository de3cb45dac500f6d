"""The brake: a request to Twilio begins only while it is known that nobody has stopped sending.

A claim knows: Postgres gives none for what is stopped. But a claim may be written some seconds
later, so while texts are under way their process looks into Postgres again several times a second.
Who cannot look does not send. Any stop that is new to this process holds back all that it had
claimed before, whether it is meant or not: that is claimed again, and the claim knows exactly.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

FRESH = 0.8
"""Seconds for which a look, or a claim, may be relied on. No request begins later than that after
the commit of a stop."""
_EVERY = 0.2
"""Seconds between two looks."""
_LONG = 5.0
"""Seconds after which a look comes before the next claim."""


class Brake:
    """One a process. Its methods may be called from any thread."""

    def __init__(
        self, look: Callable[[], frozenset[int]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`look` tells what is stopped, by numbers of stops, and may raise psycopg.Error."""
        self._look = look
        self._monotonic = monotonic
        self._known: frozenset[int] = frozenset()
        self._changed_at = self._looked_at = -math.inf
        self._lock = threading.Lock()
        self._texts = 0
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def why_not(self, claimed_at: float) -> str | None:
        """Why a text that was claimed then must not begin to be written now; None: it may.

        `claimed_at` is a reading of the monotonic clock from before the claim's statement.
        """
        if self._changed_at > claimed_at:
            return "sending was stopped before it began; not sent"
        if self.is_stale(claimed_at):
            return "it could not be seen in time whether sending is stopped; not sent"
        return None

    def is_stale(self, claimed_at: float) -> bool:
        """Whether neither that claim nor a look is young enough to be relied on."""
        return self._monotonic() >= max(claimed_at, self._looked_at) + FRESH

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Looks again and again as long as texts are under way."""
        with self._lock:
            self._texts += 1
            self._wanted.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="brake", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._texts -= 1
                if not self._texts:
                    self._wanted.clear()

    def get_ready(self) -> None:
        """To be called before a claim: stops that are old must not be news while its texts are
        under way. Raises psycopg.Error where Postgres does not tell."""
        if self._monotonic() - self._looked_at > _LONG:
            self.look()

    def look(self) -> None:
        """Looks once. Raises psycopg.Error where Postgres does not tell."""
        began = self._monotonic()
        stops = self._look()
        if not stops <= self._known:
            # Before the look counts as one: else a text could slip between the two.
            self._changed_at = self._monotonic()
        self._known |= stops
        self._looked_at = began

    def close(self) -> None:
        """Looks no more."""
        self._closed.set()
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            # What is written at once needs no look.
            if self._closed.wait(_EVERY):
                return
            if self._wanted.is_set():
                try:
                    self.look()
                except psycopg.Error:  # then nothing is sent; those who need it say why
                    continue
