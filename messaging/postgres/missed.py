"""Texts to us that no webhook brought: one function for each named query of `sql/missed.sql`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.domain.inbound import Inbound
from messaging.domain.job import Phone, Sid
from messaging.postgres.consent import row_of
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How the list is read: anew at the earliest after `every`, with an `overlap`, the `first` time
    from so long ago; what is too `young` may still be brought by its webhook."""

    every: timedelta
    overlap: timedelta
    first: timedelta
    young: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The part of the list that is to be read."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A text that was found; `was_outdone` where the opposite has been said since."""

    sid: Sid
    was_outdone: bool


def begin_reading(conn: Postgres, number: str, times: Times) -> Turn | None:
    """What is to be read of a number's list now; None where somebody has just begun to."""
    values = {
        "number": number,
        "every": times.every,
        "overlap": times.overlap,
        "first": times.first,
        "young": times.young,
    }
    with conn.cursor(row_factory=class_row(Turn)) as cursor:
        return cursor.execute(query("missed", "begin_reading"), values).fetchone()


def end_reading(conn: Postgres, number: str, turn: Turn) -> None:
    """Notes that all of it was read."""
    conn.execute(query("missed", "end_reading"), {"number": number, "until": turn.until})


def record_missed(
    conn: Postgres, texts: Sequence[Inbound], until: datetime, erased: Collection[Phone] = ()
) -> list[Missed]:
    """Keeps listed texts that are new, and heeds their keywords, in one statement.

    `erased` are numbers whose opt-out is kept as a keyed hash.
    """
    rows = [
        row_of(text, erased) | {"sent_at": text.sent_at and text.sent_at.isoformat()}
        for text in texts
    ]
    with conn.cursor(row_factory=class_row(Missed)) as cursor:
        values = {"texts": Jsonb(rows), "until": until}
        return cursor.execute(query("missed", "record_missed"), values).fetchall()


def missed_lately(conn: Postgres) -> int:
    """How many texts of the last 24 hours no webhook brought."""
    row = conn.execute(query("missed", "missed_lately")).fetchone()
    return int(row[0]) if row else 0


def behind(conn: Postgres) -> timedelta | None:
    """How long ago the list was last read in full, of the number furthest behind; None: never."""
    row = conn.execute(query("missed", "read_until")).fetchone()
    return row[1] if row else None
