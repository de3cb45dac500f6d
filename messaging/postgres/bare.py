"""Bare rows: jobs that nobody has prepared, and what is written once somebody has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from messaging.domain.draft import Prepared
from messaging.domain.job import JobId, Lane
from messaging.postgres import arrays
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Unprepared:
    """A job that came as a bare row: its number as written, its template not rendered.

    Variables and template are JSON texts: one row that cannot be read must not hold the others up.
    """

    id: JobId
    recipient_phone: str
    message_content: str
    media_urls: tuple[str, ...]
    template_vars: str | None
    category: str | None
    time_zone: str | None
    scheduled_for: datetime | None
    priority: int
    now: datetime
    """By the database's clock."""
    template: str | None
    template_version: int | None
    template_content: str | None


def unprepared(conn: Postgres, ids: Sequence[JobId]) -> list[Unprepared]:
    """Those of these jobs that still have to be prepared, with their templates."""
    with conn.cursor(row_factory=class_row(Unprepared)) as cursor:
        return cursor.execute(query("jobs", "unprepared"), {"ids": arrays.ids(ids)}).fetchall()


def unprepared_soon(
    conn: Postgres, soonest: timedelta, latest: timedelta, most: int
) -> list[JobId]:
    """Scheduled bare rows that could be handed over to Twilio once they are prepared."""
    rows = conn.execute(
        query("jobs", "unprepared_soon"), {"soonest": soonest, "latest": latest, "most": most}
    )
    return [JobId(id) for (id,) in rows]


def prepare(
    conn: Postgres, found: Mapping[JobId, Prepared], lifetimes: Mapping[Lane, timedelta]
) -> set[JobId]:
    """Writes what preparation found. A job that was prepared or withdrawn meanwhile is not in the
    answer; one without a deadline gets its lane's.
    """
    drafts = found.values()
    values = {
        "ids": arrays.ids(found),
        "phones": arrays.texts([one.recipient_phone for one in drafts]),
        "contents": arrays.texts([one.message_content for one in drafts]),
        "media": arrays.texts([arrays.texts(one.media_urls) for one in drafts]),
        "segments": arrays.numbers([one.segments for one in drafts]),
        "urgent_lifetime": lifetimes.get(Lane.URGENT),
        "normal_lifetime": lifetimes.get(Lane.NORMAL),
    }
    return {JobId(id) for (id,) in conn.execute(query("jobs", "prepare"), values).fetchall()}


def refuse(conn: Postgres, id: JobId, reason: str) -> JobId | None:
    """Fails a job that can never be sent; None where it was prepared or withdrawn meanwhile."""
    row = conn.execute(query("jobs", "refuse"), {"id": id, "reason": reason}).fetchone()
    return JobId(row[0]) if row else None
