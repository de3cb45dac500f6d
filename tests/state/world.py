"""Everything that a run happens in: a database, the runtime that works on it, the ledger."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import redis
from psycopg_pool import ConnectionPool

from messaging.bounds import Bounds
from messaging.brake import Brake
from messaging.domain.answers import Outgoing
from messaging.domain.job import InDoubtPolicy, JobId, Sid, Status
from messaging.domain.outcome import RetryRules
from messaging.outbox import Messaging
from messaging.postgres.connect import AWAY, OPTIONS, bells
from messaging.postgres.jobs import Postgres
from messaging.redis.throttle import Throttle
from messaging.rulebooks import Rulebooks
from messaging.runtime import Runtime
from messaging.settings import Settings, load
from tests.state.clock import Clock
from tests.state.troubled import Break, Breaks, TroubledConnection
from tests.state.twilio import Ledger

T = TypeVar("T")
_WATCH = Path(__file__).with_name("watch.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged(Runtime):
    """A runtime whose clock is the run's."""

    clock: Clock

    def monotonic(self) -> float:
        """Seconds since the beginning of the run."""
        return self.clock.now

    def wait(self, time_to_wait: timedelta) -> None:
        """Lets the time pass at once."""
        self.clock.advance(time_to_wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands. `is_kept` says that Twilio keeps it for later."""

    id: JobId
    status: Status
    attempt: int
    twilio_sid: Sid | None
    delivery_status: str | None
    message_content: str
    recall: str | None
    in_doubt_policy: InDoubtPolicy | None
    is_due: bool
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One update of a job; `word` is its delivery status."""

    job_id: str
    old_status: str
    new_status: str
    old_attempt: int
    new_attempt: int
    old_sid: str | None
    new_sid: str | None
    old_word: str | None
    new_word: str | None
    old_recall: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a look at the database shows."""

    jobs: tuple[Job, ...]
    changes: tuple[Change, ...]
    entries: frozenset[JobId]
    ended_twice: tuple[str, ...]
    unwritten: tuple[str, ...]


logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # a connection that broke is no news


class World:
    """One database and what is connected to it; a run after the other happens in it."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.db: Postgres = psycopg.connect(database_url, autocommit=True)
        self.db.execute(_WATCH.read_bytes())
        self.clock = Clock(self.db)
        self.breaks = Breaks(database_url)
        self.settings = _settings(database_url, redis_url)
        self.ledger = Ledger(self.settings, self.clock)
        self.ledger.allow = self._allow
        self.outbox = Messaging(self.settings)
        self._redis = redis.Redis.from_url(redis_url)
        self.rt = Staged(
            settings=self.settings,
            db=_pool(database_url, self.breaks),
            bells=bells(self.settings),
            throttle=Throttle(self.settings),
            twilio=self.ledger,
            rules=RetryRules(
                base=timedelta(seconds=self.settings.retry_base),
                longest=timedelta(seconds=self.settings.retry_longest),
                jitter=0.0,
                default_policy=self.settings.in_doubt_policy,
            ),
            brake=Brake(frozenset),
            bounds=Bounds(self.settings),
            rulebooks=Rulebooks(self.settings),
            dice=Random(0),
            clock=self.clock,
        )

    def reset(self, *, skew: timedelta) -> None:
        """A new run begins, with nothing in it."""
        self.db.execute("select watch.reset()")
        self.clock.reset()
        self.ledger.reset(skew=skew)
        self.forget_breakers()

    def forget_breakers(self) -> None:
        """Redis is emptied: no breaker is open any more."""
        self._redis.flushdb()

    def advance(self, seconds: float) -> None:
        """So much time passes."""
        self.clock.advance(timedelta(seconds=seconds))
        self.ledger.tick()

    def attempt(self, verb: Callable[[], T], trouble: Break | None = None) -> T | None:
        """What the verb returns; None where its connection broke, as its task would fail."""
        with self.breaks.armed(trouble):
            try:
                return verb()
            except AWAY:
                return None

    def look(self) -> Sight:
        """The database as it stands, and what has changed since the last look."""
        (seen,) = self.db.execute("select watch.look()").fetchone() or ({},)
        return Sight(
            jobs=tuple(_job(job) for job in seen["jobs"]),
            changes=tuple(Change(**change) for change in seen["changes"]),
            entries=frozenset(JobId(UUID(id)) for id in seen["entries"]),
            ended_twice=tuple(seen["ended_twice"]),
            unwritten=tuple(seen["unwritten"]),
        )

    def close(self) -> None:
        """Lets go of every connection."""
        self.rt.close()
        self.outbox.close()
        self._redis.close()
        self.breaks.close()
        self.db.close()

    def _allow(self, message: Outgoing) -> None:
        """Nobody writes a request but the worker whose claim it is, in time."""
        found = self.db.execute(
            "select status, attempt from message_jobs where id = %s", [message.job_id]
        ).fetchone()
        assert ("processing", message.attempt) == found, f"a request of {message} is written"
        assert self.clock.now <= message.write_before, f"a request of {message} is written late"


def _settings(database_url: str, redis_url: str) -> Settings:
    return load(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "a" * 32,
            "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32,
            "TWILIO_NATIVE_SCHEDULING": "true",
            # Redis's clock is not the one that a run puts forward.
            "MESSAGING_BREAKER_FIRST_WAIT": "0.05",
            "MESSAGING_BREAKER_LONGEST_WAIT": "0.05",
        }
    )


def _pool(url: str, breaks: Breaks) -> ConnectionPool[psycopg.Connection[tuple[object, ...]]]:
    def configure(conn: psycopg.Connection[tuple[object, ...]]) -> None:
        assert isinstance(conn, TroubledConnection)
        conn.breaks = breaks

    return ConnectionPool(
        url,
        connection_class=TroubledConnection,
        kwargs=OPTIONS,
        configure=configure,
        min_size=1,
        max_size=4,
        open=True,
        name="state",
    )


def _job(row: Mapping[str, Any]) -> Job:
    policy, sid = row["in_doubt_policy"], row["twilio_sid"]
    return Job(
        id=JobId(UUID(row["id"])),
        status=Status(row["status"]),
        attempt=int(row["attempt"]),
        twilio_sid=Sid(sid) if sid else None,
        delivery_status=row["delivery_status"],
        message_content=str(row["message_content"]),
        recall=row["recall"],
        in_doubt_policy=InDoubtPolicy(policy) if policy else None,
        is_due=bool(row["is_due"]),
        is_kept=bool(row["is_kept"]),
    )
