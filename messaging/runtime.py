"""What every step is given: settings, Postgres, the throttle, Twilio. Nothing else is global."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache, partial
from random import Random
from typing import TypeVar

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from messaging import settings as settings_module
from messaging.booking import Booking
from messaging.bounds import Bounds
from messaging.brake import FRESH, Brake
from messaging.company import Company
from messaging.domain.job import Claim, JobId
from messaging.domain.outcome import RetryRules
from messaging.hearing import listener
from messaging.lookout import Lookout
from messaging.outages import Outages
from messaging.postgres import connect, guards
from messaging.postgres.jobs import Settling
from messaging.redis.throttle import Throttle
from messaging.rulebooks import Rulebooks
from messaging.settings import Settings
from messaging.stopping import Stopping
from messaging.twilio.gateway import Gateway

T = TypeVar("T")

_TOGETHER = 50
"""The most callers whose claims or settles go into one statement: some thousand texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One a process, passed to every function of the story."""

    settings: Settings
    db: ConnectionPool[Connection[TupleRow]]
    bells: ConnectionPool[Connection[TupleRow]]
    """Past any pooler; the bridge listens there."""
    throttle: Throttle
    twilio: Gateway
    rules: RetryRules
    brake: Brake
    bounds: Bounds
    rulebooks: Rulebooks
    booking: Booking | None = None
    claims: Company[Sequence[JobId], tuple[Sequence[Claim], float]] = field(
        default_factory=lambda: Company(_TOGETHER)
    )
    """Each caller's claims, and until when, on the monotonic clock, they may be written."""
    urgent_claims: Company[Sequence[JobId], tuple[Sequence[Claim], float]] = field(
        default_factory=lambda: Company(_TOGETHER)
    )
    """The same for urgent jobs."""
    settles: Company[Settling, set[JobId]] = field(default_factory=lambda: Company(_TOGETHER))
    """Each caller's jobs that were settled."""
    outages: Outages = field(default_factory=Outages)
    lookout: Lookout = field(default_factory=Lookout)
    dice: Random = field(default_factory=Random)
    stopping: Stopping = field(default_factory=Stopping)
    """Set when this process has been asked to stop: begin nothing that takes long."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; for deadlines within this process only."""
        return time.monotonic()

    def wait(self, time_to_wait: timedelta) -> None:
        """Does nothing for a while, or until this process is asked to stop."""
        self.stopping.wait(max(0.0, time_to_wait.total_seconds()))

    def while_there_is_time(self, items: Iterable[T], time_to_spend: timedelta) -> Iterator[T]:
        """Passes items on until the time is over; the one that it ends with takes as long as it
        takes. For what asks Twilio one by one: when that is silent, other work needs the thread.
        """
        until = self.monotonic() + time_to_spend.total_seconds()
        for item in items:
            yield item
            if self.monotonic() >= until:
                return

    def close(self) -> None:
        """Lets go of every connection."""
        self.brake.close()
        self.twilio.close()
        if self.booking is not None:
            self.booking.close()
        self.throttle.close()
        self.bells.close()
        self.db.close()
        self.stopping.close()


def build(settings: Settings) -> Runtime:
    """A runtime whose connections are opened when they are first used."""
    db = connect.pool(settings)
    brake = Brake(partial(_stops, db))
    throttle, outages = Throttle(settings), Outages()
    lost = partial(outages.note, "redis")
    booking = Booking(throttle.slots, lost) if settings.pace else None
    return Runtime(
        settings=settings,
        db=db,
        bells=connect.bells(settings),
        brake=brake,
        bounds=Bounds(settings),
        rulebooks=Rulebooks(settings),
        throttle=throttle,
        outages=outages,
        booking=booking,
        twilio=Gateway(
            settings,
            brake=brake,
            tell=listener(throttle.breakers, outages),
            book=booking.slot if booking else None,
        ),
        rules=RetryRules(
            base=timedelta(seconds=settings.retry_base),
            longest=timedelta(seconds=settings.retry_longest),
            jitter=settings.retry_jitter,
            default_policy=settings.in_doubt_policy,
        ),
    )


def _stops(db: ConnectionPool[Connection[TupleRow]]) -> frozenset[int]:
    with db.connection(timeout=FRESH) as conn:
        return guards.stops(conn)


def current() -> Runtime:
    """The runtime of this process, made at the first call; a forked child makes its own."""
    return _of_process(os.getpid())


@lru_cache(maxsize=1)
def _of_process(_pid: int) -> Runtime:
    return build(settings_module.current())
