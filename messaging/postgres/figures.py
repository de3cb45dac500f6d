"""The figures of the installation: what waits, how long the queues are, what became of it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from messaging.domain.keeping import Kept, Times
from messaging.postgres import alerts, guards, missed, retention
from messaging.postgres.guards import Count, Stop
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query
from messaging.postgres.queues import Campaign, Depth, campaigns, depths


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Jobs in one status; `overdue` is for how many seconds the oldest has been due."""

    status: str
    jobs: int
    overdue: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What became of messages in the last 24 hours, and how many Twilio took since midnight."""

    sent: int
    delivered: int
    undelivered: int
    failed: int
    sent_today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All of them, as of one moment."""

    waiting: Mapping[str, Waiting]
    queues: Mapping[str, Depth]
    recent: Recent
    firing: Mapping[str, int]
    """Alerts that fire, by name."""
    silences: Mapping[str, float]
    """For how many seconds the most silent process of each kind has been."""
    stops: Sequence[Stop]
    """What a person has stopped."""
    counts: Sequence[Count]
    """What counts against the caps in this hour and this day."""
    missed: int
    """Texts to us of the last 24 hours that no webhook brought."""
    kept: Sequence[Kept] = ()
    """How it stands with what may be deleted, where that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """What waits, what a person has stopped, what Twilio takes a second, and how many processes of
    each kind give signs of life."""

    waiting: Mapping[str, Waiting]
    queues: Mapping[str, Depth]
    stops: Sequence[Stop]
    sent_per_second: float
    alive: Mapping[str, int]
    campaigns: Sequence[Campaign]


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What the server calls itself; `pgmq` is None where it is missing."""

    postgres: str
    pgmq: str | None
    clock: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A reason why messages failed, or were `undelivered`; without a code, `reason` says it."""

    outcome: str
    error_code: int | None
    reason: str | None
    messages: int


def read(conn: Postgres, times: Times | None = None) -> Figures:
    """The figures now; with the times of the settings, also how deletion keeps up."""
    with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        waiting = cursor.execute(query("figures", "waiting")).fetchall()
    with conn.cursor(row_factory=class_row(Recent)) as cursor:
        recent = cursor.execute(query("figures", "recent")).fetchone()
    if recent is None:
        raise RuntimeError("a query that always returns a row returned none")
    return Figures(
        waiting={row.status: row for row in waiting},
        queues={row.lane: row for row in depths(conn)},
        recent=recent,
        firing=alerts.firing(conn),
        silences=alerts.silences(conn),
        stops=guards.active_stops(conn),
        counts=guards.counts(conn),
        missed=missed.missed_lately(conn),
        kept=() if times is None else retention.kept(conn, times),
    )


def read_queues(conn: Postgres, silence: float) -> Queues:
    """What waits and how fast it goes: little work, so that it can be asked each second.

    A process lives that has not been silent for so many seconds.
    """
    with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        waiting = cursor.execute(query("figures", "waiting")).fetchall()
    row = conn.execute(query("figures", "sent_per_second")).fetchone()
    return Queues(
        waiting={row.status: row for row in waiting},
        queues={row.lane: row for row in depths(conn)},
        stops=guards.active_stops(conn),
        sent_per_second=float(row[0]) if row else 0.0,
        alive=dict(conn.execute(query("figures", "alive"), {"silence": silence}).fetchall()),
        campaigns=campaigns(conn),
    )


def failures(conn: Postgres) -> list[Failure]:
    """Why messages of the last 24 hours failed or did not arrive, the most frequent first."""
    with conn.cursor(row_factory=class_row(Failure)) as cursor:
        return cursor.execute(query("figures", "failures")).fetchall()


def versions(conn: Postgres) -> Versions:
    """The versions of Postgres and pgmq, and the database's clock."""
    with conn.cursor(row_factory=class_row(Versions)) as cursor:
        row = cursor.execute(query("figures", "versions")).fetchone()
    if row is None:
        raise RuntimeError("a query that always returns a row returned none")
    return row
