"""The hour of messages: one function for each named query of `sql/hours.sql`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row, tuple_row
from psycopg.types.json import Jsonb

from messaging.domain.draft import Prepared
from messaging.domain.job import JobId
from messaging.domain.quiet_hours import Quiet
from messaging.domain.rulebooks import version_of_hours
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class OnClock:
    """A message that waits for a time on the clocks of a zone."""

    id: JobId
    local_time: datetime
    time_zone: str


def now(conn: Postgres) -> datetime:
    """The time by the database's clock."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("hours", "now")).fetchone()
    if row is None:
        raise AssertionError("now always has a row")
    time: datetime = row[0]
    return time


def keep_clocks(
    conn: Postgres, clocks: Iterable[tuple[JobId, Prepared]], zone_version: str
) -> None:
    """Writes the clocks of messages that were handed over in this very transaction."""
    rows = [
        {
            "id": str(id),
            "category": prepared.own_category,
            "time_zone": prepared.time_zone,
            "local_time": prepared.local_time.isoformat() if prepared.local_time else None,
            "zone_version": zone_version if prepared.local_time else None,
        }
        for id, prepared in clocks
    ]
    conn.execute(query("hours", "keep_clocks"), {"clocks": Jsonb(rows)})


def defer(conn: Postgres, waits: Iterable[tuple[JobId, Quiet]]) -> set[JobId]:
    """Lets messages that are not under way wait; which those were."""
    rows = [
        {
            "id": str(id),
            "until": quiet.until.isoformat(),
            "time_zone": quiet.time_zone,
            "reason": quiet.sentence,
            "version": version_of_hours(),
        }
        for id, quiet in waits
    ]
    with conn.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(query("hours", "defer"), {"waits": Jsonb(rows)})
        return {JobId(id) for (id,) in found}


def behind_the_zones(conn: Postgres, zone_version: str, most: int) -> list[OnClock]:
    """Messages on wall clocks that were not set by these time zones or later ones."""
    with conn.cursor(row_factory=class_row(OnClock)) as cursor:
        return cursor.execute(
            query("hours", "behind_the_zones"), {"zone_version": zone_version, "most": most}
        ).fetchall()


def set_times(
    conn: Postgres, times: Iterable[tuple[OnClock, datetime | None]], zone_version: str
) -> int:
    """Sets messages on wall clocks to these instants, None as they are; how many still waited."""
    rows = [
        {
            "id": str(job.id),
            "local_time": job.local_time.isoformat(),
            "time_zone": job.time_zone,
            "scheduled_for": instant.isoformat() if instant else None,
            "zone_version": zone_version,
        }
        for job, instant in times
    ]
    return len(conn.execute(query("hours", "set_times"), {"times": Jsonb(rows)}).fetchall())
