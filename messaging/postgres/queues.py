"""The pgmq queues, in the subset that Supabase's older pgmq and the bundled one share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from psycopg.rows import class_row

from messaging.domain.caps import Caps
from messaging.domain.entries import Entry, Letter, entry_of
from messaging.domain.job import JobId
from messaging.postgres import arrays
from messaging.postgres.caps import given
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How long a queue is; the age of its oldest entry in seconds, None where it is empty."""

    lane: str
    queue_length: int
    oldest_msg_age_sec: int | None
    total_messages: int


MOST_CAMPAIGNS = 50
"""So many `messaging.waiting_campaigns` looks at; there may be more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What a campaign has in the normal lane; `campaign` is None for all texts without one.

    With `has_more` there are at least so many entries.
    """

    campaign: str | None
    entries: int
    has_more: bool
    oldest_age_sec: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How many campaigns take turns, a message's own included, and what that one has waiting."""

    campaigns: int
    campaign: str | None
    entries: int
    has_more: bool


def lease(
    conn: Postgres, queue: str, time: timedelta, most: int, caps: Caps | None = None
) -> list[Entry]:
    """Takes entries for a while, oldest first, and where campaigns wait, one of each in turn.

    They come back unless they are deleted. There are none while a person has stopped the queue,
    or a cap leaves no room.
    """
    seconds = int(time.total_seconds())
    rows = conn.execute(
        query("queues", "lease"),
        {"queue": queue, "lease": seconds, "most": most, "caps": given(caps)},
    ).fetchall()
    return [entry_of(msg_id, written) for msg_id, written in rows]


def release(conn: Postgres, queue: str, msg_ids: Iterable[int], after: timedelta) -> None:
    """Gives leased entries back, to be seen again after this time."""
    put_off(conn, queue, dict.fromkeys(msg_ids, after))


def put_off(conn: Postgres, queue: str, waits: Mapping[int, timedelta]) -> None:
    """Gives leased entries back, by number, each to be seen again after a time of its own."""
    with conn.cursor() as cursor:
        cursor.executemany(
            query("queues", "release"),
            [
                {"queue": queue, "msg_id": msg_id, "after": max(0, round(wait.total_seconds()))}
                for msg_id, wait in waits.items()
            ],
        )


def release_all(conn: Postgres, queue: str) -> int:
    """Gives back every entry that anybody has leased; how many."""
    row = conn.execute(query("queues", "release_all"), {"queue": queue}).fetchone()
    return int(row[0]) if row else 0


def delete(conn: Postgres, queue: str, msg_ids: Iterable[int]) -> None:
    """Removes entries for good."""
    conn.execute(query("queues", "delete"), {"queue": queue, "msg_ids": arrays.numbers(msg_ids)})


def bury(conn: Postgres, queue: str, letter: Letter) -> None:
    """Moves an entry that nobody can use to the dead letters, in one transaction."""
    with conn.transaction():
        conn.execute(
            query("queues", "bury"),
            {
                "reason": letter.reason,
                "queue": queue,
                "msg_id": letter.entry.msg_id,
                "written": letter.entry.written,
            },
        )
        delete(conn, queue, [letter.entry.msg_id])


def depths(conn: Postgres) -> list[Depth]:
    """How long each queue is: urgent, normal and dead."""
    with conn.cursor(row_factory=class_row(Depth)) as cursor:
        return cursor.execute(query("queues", "depth")).fetchall()


def campaigns(conn: Postgres) -> list[Campaign]:
    """The campaigns that take turns in the normal lane, the one with the most entries first."""
    with conn.cursor(row_factory=class_row(Campaign)) as cursor:
        return cursor.execute(query("queues", "campaigns")).fetchall()


def turn(conn: Postgres, job_id: JobId) -> Turn | None:
    """With whom a message takes turns; None for one that waits for no turn."""
    with conn.cursor(row_factory=class_row(Turn)) as cursor:
        return cursor.execute(query("queues", "turn"), {"job_id": job_id}).fetchone()
