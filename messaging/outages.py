"""What of our own infrastructure is away: said once when it goes, and once when it is back."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import psycopg

from messaging import events
from messaging.events import Part

_CALM = 10.0
"""Seconds without trouble after which a part is back: a server that starts fails now and then."""


@dataclass(slots=True)
class _Outage:
    began: float
    last: float
    times: int


class Outages:
    """The outages that this process sees. Its methods may be called from any thread.

    Every task fails while Postgres is away; what people want to read is one line, not thousands.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._away: dict[Part, _Outage] = {}

    def note(self, part: Part, error: BaseException) -> None:
        """Counts this failure; says that the part is away unless that has been said."""
        now = self._monotonic()
        with self._lock:
            outage = self._away.setdefault(part, _Outage(began=now, last=now, times=0))
            outage.last = now
            outage.times += 1
            is_new = outage.times == 1
        if is_new:
            events.infrastructure_lost(part=part, reason=reason_of(error))

    def worked(self) -> None:
        """Something came to its end: says which parts are back after a while without trouble."""
        if not self._away:
            return
        now = self._monotonic()
        with self._lock:
            over = [part for part, outage in self._away.items() if now - outage.last >= _CALM]
            ended = {part: self._away.pop(part) for part in over}
        for part, outage in ended.items():
            seconds = outage.last - outage.began
            events.infrastructure_back(part=part, seconds=seconds, failures=outage.times)


def reason_of(error: BaseException) -> str:
    """What an error may say in a log line: its kind, and its words where they quote no row."""
    sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
    if sqlstate:
        return f"{type(error).__name__}, SQLSTATE {sqlstate}"
    first_line = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first_line}".removesuffix(": ")
