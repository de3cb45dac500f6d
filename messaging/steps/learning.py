"""What receipts teach of numbers and texts, written with the receipts or not at all."""

from collections.abc import Sequence
from datetime import timedelta

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from messaging.domain.receipt import Receipt
from messaging.postgres import messages, numbers
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Recorded
from messaging.postgres.numbers import Lessons
from messaging.settings import Settings
from messaging.twilio.codes import carrier_wait, takes_no_texts

_ARRIVED = ("delivered", "read")
_UNDELIVERED = ("undelivered", "failed")


def record(conn: Postgres, receipts: Sequence[Receipt], settings: Settings) -> list[Recorded]:
    """Records receipts and what they teach, in one transaction; returns those that were new."""
    recorded = messages.record_receipts(conn, receipts)
    numbers.learn(conn, lessons(_new(receipts, recorded), settings))
    return recorded


async def record_async(
    conn: AsyncConnection[TupleRow], receipts: Sequence[Receipt], settings: Settings
) -> list[Recorded]:
    """The same, for asyncio."""
    recorded = await messages.record_receipts_async(conn, receipts)
    await numbers.learn_async(conn, lessons(_new(receipts, recorded), settings))
    return recorded


def lessons(receipts: Sequence[Receipt], settings: Settings) -> Lessons:
    """What these receipts teach, under these settings."""
    failed = [receipt for receipt in receipts if receipt.status in _UNDELIVERED]
    waits = {receipt.sid: carrier_wait(receipt.error_code) for receipt in failed}
    dead = [receipt.sid for receipt in failed if takes_no_texts(receipt.error_code)]
    return Lessons(
        dead=dead if settings.dead_number_days else (),
        spared_for=timedelta(days=settings.dead_number_days),
        again={sid: wait for sid, wait in waits.items() if wait is not None},
        retries=settings.max_carrier_retries,
        arrived=[receipt.sid for receipt in receipts if receipt.status in _ARRIVED],
    )


def _new(receipts: Sequence[Receipt], recorded: Sequence[Recorded]) -> list[Receipt]:
    """One that Twilio repeats teaches nothing."""
    new = {(row.sid, row.status) for row in recorded if row.job_id}
    return [receipt for receipt in receipts if (receipt.sid, receipt.status) in new]
