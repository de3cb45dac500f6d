"""Consent and texts to us: one function for each named query of `sql/consent.sql`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from messaging.domain.consent import Consent, Said
from messaging.domain.inbound import Inbound
from messaging.domain.job import Phone, Sid
from messaging.postgres import arrays
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One thing that is known of a number's consent: a row of the ledger, or a text to us.

    `evidence` is JSON, as text.
    """

    at: datetime
    kind: str
    category: str | None
    state: str | None
    source: str | None
    evidence: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """What numbers said last; and the ids of keys that opt-outs of erased numbers are kept with."""

    said: Mapping[Phone, tuple[Said, ...]]
    keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A text that sounds like a refusal; `total` is how many there are."""

    sid: Sid
    at: datetime
    sender: str
    recipient: str
    body: str
    total: int


async def record_inbound(
    conn: AsyncConnection[TupleRow], texts: Sequence[Inbound], erased: Collection[Phone] = ()
) -> frozenset[Sid]:
    """Keeps texts to us and heeds keywords, in one statement; the ids of those that were new.

    `erased` are numbers whose opt-out is not in the ledger, but kept as a keyed hash.
    """
    rows = [row_of(text, erased) for text in texts]
    found = await conn.execute(query("consent", "record_inbound"), {"texts": Jsonb(rows)})
    return frozenset(Sid(sid) for (sid,) in await found.fetchall())


def begin_stop(
    conn: Postgres, phone: Phone, source: str, evidence: Mapping[str, str], by: str | None
) -> bool:
    """Lets no further claim of texts to this number through; whether it was not stopping yet."""
    values = {"phone": phone, "source": source, "evidence": Jsonb(dict(evidence)), "by": by}
    row = conn.execute(query("consent", "begin_stop"), values).fetchone()
    return bool(row and row[0])


def horizon(conn: Postgres) -> str:
    """What `is_quiet` needs, taken once the STOP is committed."""
    row = conn.execute(query("consent", "horizon")).fetchone()
    assert row is not None
    return str(row[0])


def is_quiet(conn: Postgres, phone: Phone, horizon: str, write_deadline: timedelta) -> bool:
    """Whether no request to a number that is stopping can start any more."""
    values = {"phone": phone, "horizon": horizon, "write_deadline": write_deadline}
    row = conn.execute(query("consent", "is_quiet"), values).fetchone()
    return bool(row and row[0])


def finish_stop(conn: Postgres, phone: Phone) -> int | None:
    """Writes a STOP into the ledger and ends all texts to that number; how many those were.

    None where somebody else has done it.
    """
    row = conn.execute(query("consent", "finish_stop"), {"phone": phone}).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def finish_overdue(conn: Postgres, write_deadline: timedelta) -> int:
    """Finishes STOPs that somebody left behind; how many it were."""
    rows = conn.execute(query("consent", "finish_overdue"), {"write_deadline": write_deadline})
    return len(rows.fetchall())


def standings(conn: Postgres, phones: Iterable[Phone]) -> Standings:
    """What these numbers said last; those that said nothing are missing."""
    said: dict[Phone, tuple[Said, ...]] = {}
    keys: list[str] = []
    values = {"phones": arrays.texts(list(set(phones)))}
    rows = conn.execute(query("consent", "standings"), values).fetchall()
    for phone, category, state, event_id in rows:
        if not phone:
            keys.append(category)
            continue
        one = Said(category=category, state=Consent(state), event_id=event_id)
        said[phone] = (*said[phone], one) if phone in said else (one,)
    return Standings(said=said, keys=keys)


def record(
    conn: Postgres,
    phone: Phone,
    state: Consent,
    *,
    source: str,
    evidence: Mapping[str, str],
    category: str,
    by: str | None,
) -> int:
    """Adds a yes or a no to the ledger; its number there."""
    values = {
        "phone": phone,
        "state": state,
        "source": source,
        "evidence": Jsonb(dict(evidence)),
        "category": category,
        "by": by,
    }
    row = conn.execute(query("consent", "record_consent"), values).fetchone()
    assert row is not None
    return int(row[0])


def story(conn: Postgres, phone: Phone) -> list[Chapter]:
    """Everything that is known of a number's consent, oldest first."""
    with conn.cursor(row_factory=class_row(Chapter)) as cursor:
        return cursor.execute(query("consent", "consent_story"), {"phone": phone}).fetchall()


def unseen(conn: Postgres, most: int) -> list[Unseen]:
    """Texts that sound like a refusal and that nobody has seen to, oldest first."""
    with conn.cursor(row_factory=class_row(Unseen)) as cursor:
        return cursor.execute(query("consent", "inbound_unseen"), {"most": most}).fetchall()


def see(conn: Postgres, sid: Sid, by: str | None) -> bool:
    """Notes who saw to a text; False where there is none, or somebody has."""
    row = conn.execute(query("consent", "see_inbound"), {"sid": sid, "by": by}).fetchone()
    return row is not None


def row_of(text: Inbound, erased: Collection[Phone] = ()) -> dict[str, object]:
    """A text as `messaging.inbound` has it."""
    return {
        "sid": text.sid,
        "sender": text.sender,
        "recipient": text.recipient,
        "body": text.body,
        "media_urls": list(text.media_urls),
        "word": text.reading.word,
        "said": text.reading.said,
        "only_undoes": text.only_undoes and text.sender not in erased,
        "sounds_like_refusal": text.reading.sounds_like_refusal,
    }
