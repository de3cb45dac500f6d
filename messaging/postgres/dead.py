"""Dead letters: one function for each named query of `sql/dead.sql`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from messaging.domain.dead import Fate, Filter
from messaging.domain.job import JobId
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that failed or is held (`id`), or an entry of `sms_dlq` (`msg_id`).

    `since` is when it came to be so; `total` is how many are like it in what was asked for.
    """

    kind: str
    id: JobId | None
    msg_id: int | None
    since: datetime
    lane: str | None
    user_id: UUID | None
    recipient_phone: str | None
    attempt: int | None
    error_code: int | None
    reason: str | None
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of one: `new_id` is the message that it is sent again as, if it is."""

    id: JobId | None = None
    msg_id: int | None = None
    result: Fate
    new_id: JobId | None = None
    reason: str | None = None


def find(conn: Postgres, wanted: Filter, most: int) -> list[DeadLetter]:
    """Those that are dead longest, at most so many."""
    with conn.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return cursor.execute(
            query("dead", "find_dead"), {**asdict(wanted), "most": most}
        ).fetchall()


def entry(conn: Postgres, msg_id: int) -> str | None:
    """The JSON text of what an entry of `sms_dlq` carries; None where there is none."""
    row = conn.execute(query("dead", "entry_of_letter"), {"msg_id": msg_id}).fetchone()
    return row[0] if row else None


def replay(
    conn: Postgres, ids: Sequence[JobId], by: str | None, *, again: bool, dry_run: bool
) -> list[Ended]:
    """Sends failed messages again in one statement, or says of each why not."""
    rows = conn.execute(
        query("dead", "replay"),
        {"by": by, "ids": list(ids), "again": again, "dry_run": dry_run},
    )
    return [
        Ended(id=id, result=Fate(result), new_id=new_id, reason=reason)
        for id, result, new_id, reason in rows
    ]


def put_back(conn: Postgres, msg_id: int, by: str | None, *, dry_run: bool) -> Ended:
    """Gives an unreadable entry back to its queue, or says why not."""
    row = conn.execute(
        query("dead", "put_back"), {"by": by, "msg_id": msg_id, "dry_run": dry_run}
    ).fetchone()
    return Ended(msg_id=msg_id, result=Fate(row[0]) if row else Fate.NOT_FOUND)


def discard(
    conn: Postgres, ids: Sequence[JobId], msg_ids: Sequence[int], by: str | None, *, dry_run: bool
) -> list[Ended]:
    """Takes these from the dead letters in one statement, or says of each why not."""
    rows = conn.execute(
        query("dead", "discard"),
        {"by": by, "ids": list(ids), "msg_ids": list(msg_ids), "dry_run": dry_run},
    )
    return [Ended(id=id, msg_id=msg_id, result=Fate(result)) for id, msg_id, result in rows]
