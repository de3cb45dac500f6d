"""Takes texts to us in: kept, and heeded where they are keywords."""

from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from messaging import events
from messaging.domain.inbound import Inbound
from messaging.domain.job import Sid
from messaging.postgres import consent


async def record(
    pool: AsyncConnectionPool[AsyncConnection[TupleRow]], texts: Sequence[Inbound]
) -> frozenset[Sid]:
    """Commits these texts in one statement, and returns those that were new.

    From then on no text to a number that said STOP is claimed; `optout.carry_out` does the rest.
    Raises psycopg.OperationalError or psycopg_pool.PoolTimeout where Postgres does not answer; then
    nothing is recorded.
    """
    async with pool.connection() as conn:
        fresh = await consent.record_inbound(conn, texts)
    for text in texts:
        if text.sid in fresh:
            events.inbound_received(
                sid=text.sid,
                word=text.reading.word,
                sounds_like_refusal=text.reading.sounds_like_refusal,
            )
    return fresh
