"""Texts that Twilio keeps for later: one function for each named query of `sql/kept.sql`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

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


def recalled(conn: Postgres, recalls: Iterable[Recall]) -> set[JobId]:
    """Notes that Twilio dropped these; those of which a receipt said otherwise first are missing.

    In one round trip.
    """
    return _noted(
        conn,
        query("kept", "recalled"),
        [{"id": recall.id, "sid": recall.twilio_sid} for recall in recalls],
    )


def recall_too_late(conn: Postgres, recalls: Iterable[Recall], wait: timedelta) -> set[JobId]:
    """Notes that Twilio has begun to send these; those of which that is known are missing."""
    return _noted(
        conn,
        query("kept", "recall_too_late"),
        [{"id": recall.id, "sid": recall.twilio_sid, "wait": wait} for recall in recalls],
    )


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


def _noted(
    conn: Postgres, statement: LiteralString, values: Sequence[Mapping[str, object]]
) -> set[JobId]:
    """The jobs that the statement returned, executed with each of these."""
    with conn.cursor() as cursor:
        cursor.executemany(statement, values, returning=True)
        return {JobId(id) for results in cursor.results() for (id,) in results}
