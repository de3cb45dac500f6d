"""Takes texts to us in: kept, and heeded where they are keywords."""

from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from messaging import events
from messaging.domain.erasure import Keyring
from messaging.domain.inbound import Inbound
from messaging.domain.job import Phone, Sid
from messaging.postgres import consent, erasure
from messaging.steps.standing import by_hash, opted_out


async def record(
    pool: AsyncConnectionPool[AsyncConnection[TupleRow]], texts: Sequence[Inbound], keyring: Keyring
) -> frozenset[Sid]:
    """Commits these texts in one statement, and returns those that were new.

    From then on no text to a number that said STOP is claimed; `optout.carry_out` does the rest.
    Raises psycopg.OperationalError or psycopg_pool.PoolTimeout where Postgres does not answer; then
    nothing is recorded.
    """
    async with pool.connection() as conn:
        erased = await _erased(conn, texts, keyring)
        fresh = await consent.record_inbound(conn, texts, erased)
    for text in texts:
        if text.sid in fresh:
            events.inbound_received(
                sid=text.sid,
                word=text.reading.word,
                sounds_like_refusal=text.reading.sounds_like_refusal,
            )
    return fresh


async def _erased(
    conn: AsyncConnection[TupleRow], texts: Sequence[Inbound], keyring: Keyring
) -> frozenset[Phone]:
    """Those who take a STOP back that is not in the ledger, because their number was erased."""
    known_as = by_hash((Phone(text.sender) for text in texts if text.only_undoes), keyring)
    if not known_as:
        return frozenset()
    return opted_out(known_as, await erasure.sayings_beside(conn, list(known_as)))
