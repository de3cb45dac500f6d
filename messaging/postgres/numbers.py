"""Numbers and texts that carriers reported: one function for each query of `sql/numbers.sql`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from messaging.domain.job import Phone, Sid
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What receipts teach: texts to numbers that take none, texts that may be sent again after a
    while at the soonest, and texts that arrived."""

    dead: Sequence[Sid] = ()
    spared_for: timedelta = timedelta(0)
    again: Mapping[Sid, timedelta] = field(default_factory=dict)
    retries: int = 0
    """How often, where a text does not say."""
    arrived: Sequence[Sid] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadNumber:
    """A number that takes no texts, and what said so; `total` is how many there are."""

    phone: Phone
    error_code: int
    since: datetime
    until: datetime
    twilio_sid: Sid | None
    total: int


def learn(conn: Postgres, lessons: Lessons) -> None:
    """Writes what receipts teach, in the transaction that recorded them."""
    for name, values in _acts(lessons):
        conn.execute(query("numbers", name), values)
    if lessons.arrived and conn.execute(query("numbers", "awaits_arrivals")).fetchone() == (True,):
        conn.execute(query("numbers", "note_arrivals"), {"sids": list(lessons.arrived)})


async def learn_async(conn: AsyncConnection[TupleRow], lessons: Lessons) -> None:
    """The same, for asyncio."""
    for name, values in _acts(lessons):
        await conn.execute(query("numbers", name), values)
    if not lessons.arrived:
        return
    # Most receipts say that a text arrived, and mostly nobody is waiting for that.
    asked = await conn.execute(query("numbers", "awaits_arrivals"))
    if await asked.fetchone() == (True,):
        await conn.execute(query("numbers", "note_arrivals"), {"sids": list(lessons.arrived)})


def find(conn: Postgres, most: int) -> list[DeadNumber]:
    """Numbers that take no texts, the latest first, at most so many."""
    with conn.cursor(row_factory=class_row(DeadNumber)) as cursor:
        return cursor.execute(query("numbers", "dead_numbers"), {"most": most}).fetchall()


def forget(conn: Postgres, phone: Phone) -> bool:
    """Forgets that a number takes no texts; whether somebody had said so."""
    row = conn.execute(query("numbers", "forget_number"), {"phone": phone}).fetchone()
    return bool(row and row[0])


def _acts(lessons: Lessons) -> Iterator[tuple[str, Mapping[str, object]]]:
    if lessons.dead:
        values = {"sids": list(lessons.dead), "lasting": lessons.spared_for}
        yield "remember_dead", values
    if lessons.again:
        sids, waits = list(lessons.again), list(lessons.again.values())
        yield "retry_undelivered", {"sids": sids, "waits": waits, "most": lessons.retries}
