"""Texts that Twilio keeps for later: one function for each named query of `sql/kept.sql`."""

from dataclasses import dataclass
from datetime import timedelta

from psycopg.rows import class_row

from messaging.domain.job import JobId, Sid
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """A text that is wanted back from Twilio's scheduling."""

    id: JobId
    twilio_sid: Sid
    recall: str


def recall_due(conn: Postgres, lease: timedelta) -> list[Recall]:
    """Takes texts that are wanted back from Twilio's scheduling."""
    with conn.cursor(row_factory=class_row(Recall)) as cursor:
        return cursor.execute(query("kept", "recall_due"), {"lease": lease}).fetchall()


def recalled(conn: Postgres, recall: Recall) -> JobId | None:
    """Notes that Twilio dropped the text; None where a receipt said otherwise first."""
    row = conn.execute(
        query("kept", "recalled"), {"id": recall.id, "sid": recall.twilio_sid}
    ).fetchone()
    return JobId(row[0]) if row else None


def recall_too_late(conn: Postgres, recall: Recall, wait: timedelta) -> JobId | None:
    """Notes that Twilio has begun to send the text; None where that is known."""
    row = conn.execute(
        query("kept", "recall_too_late"),
        {"id": recall.id, "sid": recall.twilio_sid, "wait": wait},
    ).fetchone()
    return JobId(row[0]) if row else None


def handover_due(conn: Postgres, lease: timedelta) -> list[tuple[JobId, Sid]]:
    """Takes texts that Twilio keeps and whose time has passed without a receipt."""
    return [
        (JobId(id), Sid(sid))
        for id, sid in conn.execute(query("kept", "handover_due"), {"lease": lease})
    ]


def gone_at_twilio(conn: Postgres, id: JobId, sid: Sid) -> JobId | None:
    """Fails a job whose text was deleted at Twilio; None where a receipt said otherwise first."""
    row = conn.execute(query("kept", "gone_at_twilio"), {"id": id, "sid": sid}).fetchone()
    return JobId(row[0]) if row else None
