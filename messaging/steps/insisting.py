"""Insists on a write while Postgres is away: what Twilio told is worth more than some waiting."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from messaging.postgres.connect import AWAY
from messaging.runtime import Runtime

T = TypeVar("T")

_BETWEEN_TRIES = timedelta(seconds=1)


def insist(rt: Runtime, write: Callable[[], T], longest: timedelta) -> T:
    """What `write` returns, which is tried again each second while Postgres is away.

    It may be done twice: a commit whose answer got lost is tried again, too. Raises one of AWAY
    when it has taken longer than `longest`, or when this process is to stop.
    """
    until = rt.monotonic() + longest.total_seconds()
    while True:
        try:
            return write()
        except AWAY as error:
            rt.outages.note("postgres", error)
            if rt.monotonic() > until or rt.stopping.is_set():
                raise
            rt.wait(_BETWEEN_TRIES)
