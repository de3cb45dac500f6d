"""Erasure: one function for each named query of `sql/erasure.sql`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from messaging.domain.consent import Consent, Said
from messaging.domain.erasure import Key
from messaging.domain.job import JobId, Phone, Sid
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedSaying:
    """What an erased number said last on a category, and when."""

    whom: str
    category: str
    state: str
    event_id: int
    since: datetime

    @property
    def said(self) -> Said:
        """As a standing."""
        return Said(category=self.category, state=Consent(self.state), event_id=self.event_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasable:
    """Messages of a number that have ended, among some that were looked at up to `last`.

    `mentions` are messages to others that tell the number.
    """

    last: JobId | None
    jobs: Sequence[JobId]
    sids: Sequence[Sid]
    mentions: Sequence[JobId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many rows of a table an erasure changes; `fate` says how: withdrawn, deleted, emptied,
    stopped or added."""

    place: str
    fate: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A row of the journal of erasures."""

    id: int
    began_at: datetime
    finished_at: datetime | None
    asked_by: str | None
    withdrawn: int
    messages: int
    inbound: int
    ledger: int
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedKey:
    """A key that opt-outs are kept with, and of how many numbers."""

    id: str
    first_used_at: datetime
    given_up_at: datetime | None
    given_up_by: str | None
    numbers: int


def sayings(conn: Postgres, whoms: Sequence[str]) -> list[ErasedSaying]:
    """What erased numbers, by their keyed hashes, said last by category."""
    with conn.cursor(row_factory=class_row(ErasedSaying)) as cursor:
        statement = query("erasure", "erased_standings")
        return cursor.execute(statement, {"whoms": list(whoms)}).fetchall()


async def sayings_beside(
    conn: AsyncConnection[TupleRow], whoms: Sequence[str]
) -> list[ErasedSaying]:
    """The same, for who waits for several things at once."""
    async with conn.cursor(row_factory=class_row(ErasedSaying)) as cursor:
        statement = query("erasure", "erased_standings")
        return await (await cursor.execute(statement, {"whoms": list(whoms)})).fetchall()


def begin(conn: Postgres, whoms: Sequence[str], by: str | None) -> int:
    """The erasure of a number: a new one, or the one that somebody left unfinished."""
    return _number(conn, "begin_erasure", {"whoms": list(whoms), "by": by})


def withdraw(conn: Postgres, erasure: int, phone: Phone, written: str) -> int:
    """Ends all that waits for a number; how many messages that were."""
    values = {"erasure": erasure, "phone": phone, "written": written}
    return _number(conn, "withdraw_for_erasure", values)


def hindrances(conn: Postgres, phone: Phone) -> dict[str, int]:
    """What of a number is not over: statuses, unread, stopping, stop; and how many of each."""
    rows = conn.execute(query("erasure", "erasure_hindrances"), {"phone": phone})
    return {str(what): int(amount) for what, amount in rows}


def shares(
    conn: Postgres, phone: Phone, whoms: Sequence[str], written: str, anywhere: str
) -> list[Share]:
    """What an erasure of a number would change, but for messages that have ended."""
    values = {"phone": phone, "whoms": list(whoms), "written": written, "anywhere": anywhere}
    with conn.cursor(row_factory=class_row(Share)) as cursor:
        return cursor.execute(query("erasure", "count_erasable"), values).fetchall()


def telling(conn: Postgres, jobs: Sequence[JobId], anywhere: str) -> int:
    """How many lines of these messages' journals tell the number."""
    return _number(conn, "count_telling", {"jobs": list(jobs), "anywhere": anywhere})


def unfinished(conn: Postgres, whoms: Sequence[str]) -> int | None:
    """The erasure of a number that somebody left unfinished."""
    row = conn.execute(query("erasure", "unfinished_erasure"), {"whoms": list(whoms)}).fetchone()
    return None if row is None else int(row[0])


def find(conn: Postgres, phone: Phone, anywhere: str, after: JobId, most: int) -> Erasable:
    """The number's messages that have ended, among the next `most`."""
    values = {"phone": phone, "anywhere": anywhere, "after": after, "most": most}
    with conn.cursor(row_factory=class_row(Erasable)) as cursor:
        row = cursor.execute(query("erasure", "find_erasable"), values).fetchone()
    assert row is not None
    return row


def erase_jobs(conn: Postgres, erasure: int, jobs: Sequence[JobId], anywhere: str) -> int:
    """Takes number and words from these messages; how many."""
    values = {"erasure": erasure, "jobs": list(jobs), "anywhere": anywhere}
    return _number(conn, "erase_jobs", values)


def inbound_sids(conn: Postgres, phone: Phone, most: int) -> list[Sid]:
    """Twilio's ids of some texts that the number sent to us."""
    rows = conn.execute(query("erasure", "inbound_sids"), {"phone": phone, "most": most})
    return [Sid(sid) for (sid,) in rows]


def erase_inbound(conn: Postgres, erasure: int, phone: Phone, sids: Sequence[Sid]) -> int:
    """Takes number and words from these texts to us; how many."""
    values = {"erasure": erasure, "phone": phone, "sids": list(sids)}
    return _number(conn, "erase_inbound", values)


def erase_elsewhere(conn: Postgres, erasure: int, phone: Phone, anywhere: str) -> int:
    """Takes the number from all places but messages, texts to us and consent; how many rows."""
    values = {"erasure": erasure, "phone": phone, "anywhere": anywhere}
    return _number(conn, "erase_elsewhere", values)


def erase_consent(
    conn: Postgres, erasure: int, phone: Phone, whoms: Sequence[str], key: Key
) -> int:
    """Keeps an opt-out as a keyed hash and deletes what the ledger has; how many rows of it."""
    values = {"erasure": erasure, "phone": phone, "whoms": list(whoms), "key_id": key.id}
    return _number(conn, "erase_consent", values)


def finish(conn: Postgres, erasure: int) -> None:
    """It is done."""
    conn.execute(query("erasure", "finish_erasure"), {"erasure": erasure})


def forget_samples(conn: Postgres) -> None:
    """Has the planner's statistics made anew: they hold values of the tables."""
    conn.execute(query("erasure", "forget_samples"))


def latest(conn: Postgres, most: int) -> list[Erasure]:
    """The latest erasures, the youngest first."""
    with conn.cursor(row_factory=class_row(Erasure)) as cursor:
        return cursor.execute(query("erasure", "erasures"), {"most": most}).fetchall()


def keys(conn: Postgres) -> list[UsedKey]:
    """The keys that opt-outs are kept with."""
    with conn.cursor(row_factory=class_row(UsedKey)) as cursor:
        return cursor.execute(query("erasure", "erasure_keys")).fetchall()


def give_key_up(conn: Postgres, id: str, by: str | None) -> bool:
    """Has the opt-outs of a lost key asked no more; False where there is no such key."""
    row = conn.execute(query("erasure", "give_key_up"), {"id": id, "by": by}).fetchone()
    return row is not None


def _number(conn: Postgres, name: str, values: Mapping[str, object]) -> int:
    row = conn.execute(query("erasure", name), values).fetchone()
    assert row is not None
    return int(row[0])
