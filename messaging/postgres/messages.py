"""Messages as callers see them: enqueue, cancel, reschedule, show; and Twilio's receipts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row, tuple_row
from psycopg.types.json import Jsonb

from messaging.domain.draft import TemplateSource
from messaging.domain.job import JobId
from messaging.domain.receipt import Receipt
from messaging.postgres.fast_json import rows_as_jsonb
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """What became of one draft: `created`, `duplicate` (of `id`) or `refused` (with a reason)."""

    position: int
    id: JobId | None
    result: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A job as people look at it. `error_details` says why it failed or waits."""

    id: JobId
    status: str
    delivery_status: str | None
    recipient_phone: str
    message_content: str
    template: str | None
    template_version: int | None
    scheduled_for: datetime | None
    priority: int
    attempt: int
    retry_count: int
    max_retries: int
    twilio_sid: str | None
    error_code: int | None
    error_details: Mapping[str, object] | None
    segments: int | None
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    due_at: datetime | None
    time_zone: str | None
    local_time: datetime | None
    expires_at: datetime | None = None
    max_carrier_retries: int | None = None
    carrier_retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A line of a message's journal."""

    at: datetime
    kind: str
    attempt: int | None
    twilio_sid: str | None
    delivery_status: str | None
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A receipt that was new; `job_id` is None where it fits no job."""

    sid: str
    status: str
    job_id: JobId | None


def enqueue(conn: Postgres, drafts: Sequence[Mapping[str, object]]) -> list[Enqueued]:
    """Hands drafts over in the connection's transaction; an answer for each, in order."""
    with conn.cursor(row_factory=class_row(Enqueued)) as cursor:
        return cursor.execute(query("jobs", "enqueue"), {"drafts": Jsonb(list(drafts))}).fetchall()


def cancel(conn: Postgres, id: JobId) -> str:
    """Stops a message: `canceled`, `canceling` (Twilio is asked), `too_late` or `not_found`."""
    return _answer(conn, "cancel", {"id": id})


def reschedule(conn: Postgres, id: JobId, scheduled_for: datetime) -> str:
    """Moves a message: `rescheduled`, `rescheduling`, `past_deadline`, `too_late`, `not_found`."""
    return _answer(conn, "reschedule", {"id": id, "scheduled_for": scheduled_for})


def show(conn: Postgres, id: JobId) -> Message | None:
    """A message, or None where there is none with this id."""
    with conn.cursor(row_factory=class_row(Message)) as cursor:
        return cursor.execute(query("jobs", "show"), {"id": id}).fetchone()


def events(conn: Postgres, id: JobId) -> list[Event]:
    """The journal of a message, oldest first."""
    with conn.cursor(row_factory=class_row(Event)) as cursor:
        return cursor.execute(query("jobs", "events_of_job"), {"id": id}).fetchall()


def template(conn: Postgres, wanted: str) -> TemplateSource | None:
    """A template by its id or its name, or None."""
    with conn.cursor(row_factory=class_row(TemplateSource)) as cursor:
        return cursor.execute(query("jobs", "template"), {"wanted": wanted}).fetchone()


def record_receipts(conn: Postgres, receipts: Sequence[Receipt]) -> list[Recorded]:
    """Records receipts in the connection's transaction; those that were new."""
    with conn.cursor(row_factory=class_row(Recorded)) as cursor:
        return cursor.execute(query("jobs", "record_receipts"), _rows(receipts)).fetchall()


async def record_receipts_async(
    conn: AsyncConnection[TupleRow], receipts: Sequence[Receipt]
) -> list[Recorded]:
    """The same, for asyncio."""
    async with conn.cursor(row_factory=class_row(Recorded)) as cursor:
        await cursor.execute(query("jobs", "record_receipts"), _rows(receipts))
        return await cursor.fetchall()


def _answer(conn: Postgres, name: str, values: Mapping[str, object]) -> str:
    """The word that a statement answers; the connection may be one that makes other rows."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query("jobs", name), values).fetchone()
    return str(row[0]) if row else "not_found"


def _rows(receipts: Sequence[Receipt]) -> dict[str, Jsonb]:
    return {"receipts": rows_as_jsonb([_receipt_row(receipt) for receipt in receipts])}


def _receipt_row(receipt: Receipt) -> dict[str, object]:
    """Written out, because `asdict` takes twenty times as long, for every callback."""
    return {
        "sid": receipt.sid,
        "status": receipt.status,
        "job_id": str(receipt.job_id) if receipt.job_id else None,
        "attempt": receipt.attempt,
        "error_code": receipt.error_code,
        "carrier_time": receipt.carrier_time,
    }
