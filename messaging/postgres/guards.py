"""Guards: one function for each named query of `sql/guards.sql`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row, tuple_row

from messaging.domain.job import JobId
from messaging.postgres import arrays
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Something that is stopped; `set_aside` messages wait outside of the queues for its end."""

    scope: str
    value: str
    reason: str
    stopped_by: str | None
    stopped_at: datetime
    set_aside: int

    @property
    def words(self) -> str:
        """What is stopped, in two words at most: `all`, `lane urgent`."""
        return f"{self.scope} {self.value}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class PastStop:
    """Something that was stopped, and who resumed it."""

    scope: str
    value: str
    reason: str
    stopped_by: str | None
    stopped_at: datetime
    resumed_by: str | None
    resumed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What has counted against the caps in this hour or day."""

    span: str
    began: datetime
    messages: int
    segments: int
    usd: Decimal


def stops(conn: Postgres) -> frozenset[int]:
    """The numbers of all stops that hold now."""
    return frozenset(id for (id,) in conn.execute(query("guards", "stops")))


def active_stops(conn: Postgres) -> list[Stop]:
    """What is stopped now, the oldest first."""
    with conn.cursor(row_factory=class_row(Stop)) as cursor:
        return cursor.execute(query("guards", "active_stops")).fetchall()


def past_stops(conn: Postgres, most: int) -> list[PastStop]:
    """What was stopped and is no more, the latest first, at most so many."""
    with conn.cursor(row_factory=class_row(PastStop)) as cursor:
        return cursor.execute(query("guards", "past_stops"), {"most": most}).fetchall()


def stop(conn: Postgres, scope: str, value: str, reason: str, by: str | None) -> bool:
    """Stops sending; False where that was stopped already.

    Raises psycopg.errors.InvalidParameterValue for what cannot be stopped.
    """
    values = {"scope": scope, "value": value, "reason": reason, "by": by}
    row = conn.execute(query("guards", "stop"), values).fetchone()
    return row is not None and row[0] == "stopped"


def resume(conn: Postgres, scope: str, value: str, by: str | None) -> bool:
    """Ends a stop; False where there is none."""
    values = {"scope": scope, "value": value, "by": by}
    row = conn.execute(query("guards", "resume"), values).fetchone()
    return row is not None and row[0] == "resumed"


def park(conn: Postgres, ids: Iterable[JobId]) -> set[JobId]:
    """Sets those of these jobs aside whose country or campaign is stopped; which they are."""
    rows = conn.execute(query("guards", "park"), {"ids": arrays.ids(ids)}).fetchall()
    return {JobId(id) for (id,) in rows}


def kept_by_twilio(conn: Postgres) -> int:
    """How many texts Twilio keeps for later."""
    row = conn.execute(query("guards", "kept_by_twilio")).fetchone()
    return int(row[0]) if row else 0


def destinations(conn: Postgres) -> list[tuple[str, str]]:
    """The rules of the table: `allow` and a country, `block` and what numbers begin with."""
    with conn.cursor(row_factory=tuple_row) as cursor:  # the caller's may make other rows
        return [(rule, what) for rule, what in cursor.execute(query("guards", "destinations"))]


def forget_uses(conn: Postgres, most: int) -> int:
    """Forgets what no cap looks at any more, at most so much; how much it was."""
    row = conn.execute(query("guards", "forget_uses"), {"most": most}).fetchone()
    return int(row[0]) if row else 0


def counts(conn: Postgres) -> list[Count]:
    """What has counted in this hour and this day; nothing where nothing was claimed in it."""
    with conn.cursor(row_factory=class_row(Count)) as cursor:
        return cursor.execute(query("guards", "counts")).fetchall()
