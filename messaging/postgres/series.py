"""Series: one function for each named query of `sql/series.sql`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row, tuple_row
from psycopg.types.json import Jsonb

from messaging.domain.job import JobId
from messaging.domain.recurrence import Recurrence
from messaging.domain.series import SeriesId
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A series as it is stored, and what the time is by the database's clock."""

    id: SeriesId
    rule: str
    starts_at: datetime
    time_zone: str
    draft: Mapping[str, object]
    status: str
    reason: str | None
    made_until: datetime | None
    now: datetime

    @property
    def recurrence(self) -> Recurrence:
        """When it comes."""
        return Recurrence(rule=self.rule, starts_at=self.starts_at, time_zone=self.time_zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An occurrence that became a message; `status` is None where that was deleted since."""

    local_time: datetime
    job_id: JobId
    status: str | None


def add(
    conn: Postgres, id: SeriesId | None, recurrence: Recurrence, draft: Mapping[str, object]
) -> SeriesId:
    """Adds a series whose rule and draft have been checked."""
    values = {
        "id": id,
        "rule": recurrence.rule,
        "starts_at": recurrence.starts_at,
        "time_zone": recurrence.time_zone,
        "draft": Jsonb(dict(draft)),
    }
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("series", "add"), values).fetchone()
    if row is None:
        raise AssertionError("an insert returns its row")
    return SeriesId(row[0])


def due(conn: Postgres, most: int) -> list[Row]:
    """Series to look at now, locked until the end of the transaction."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(query("series", "series_due"), {"most": most}).fetchall()


def made(conn: Postgres, id: SeriesId, since: datetime) -> set[datetime]:
    """The times of a series that are messages, from `since` on its clocks on."""
    rows = conn.execute(query("series", "made"), {"id": id, "since": since})
    return {local_time for (local_time,) in rows}


def keep(conn: Postgres, id: SeriesId, jobs: Mapping[datetime, JobId]) -> None:
    """Writes down which messages occurrences became."""
    conn.execute(
        query("series", "keep"),
        {"id": id, "local_times": list(jobs), "job_ids": list(jobs.values())},
    )


def looked_at(
    conn: Postgres,
    id: SeriesId,
    *,
    status: str,
    made_until: datetime | None,
    look_at: datetime | None,
    reason: str | None = None,
) -> None:
    """Writes up to where a series is messages, and when somebody looks again."""
    conn.execute(
        query("series", "looked_at"),
        {
            "id": id,
            "status": status,
            "made_until": made_until,
            "look_at": look_at,
            "reason": reason,
        },
    )


def change(conn: Postgres, id: SeriesId, wanted: str) -> str:
    """Makes a series `active`, `paused` or `stopped`: that, or `too_late` or `not_found`."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("series", "change"), {"id": id, "wanted": wanted}).fetchone()
    return str(row[0]) if row else "not_found"


def show(conn: Postgres, id: SeriesId) -> Row | None:
    """A series, or None where there is none with this id."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(query("series", "show"), {"id": id}).fetchone()


def all_of_them(conn: Postgres, most: int) -> list[Row]:
    """The series, the newest first."""
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(query("series", "all"), {"most": most}).fetchall()


def messages_of(conn: Postgres, id: SeriesId, most: int) -> Sequence[Made]:
    """The latest messages of a series, the last first."""
    with conn.cursor(row_factory=class_row(Made)) as cursor:
        return cursor.execute(query("series", "messages_of"), {"id": id, "most": most}).fetchall()
