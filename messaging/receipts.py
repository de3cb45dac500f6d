"""Records Twilio's status callbacks: the journal, and a delivery status that only moves forward."""

from collections.abc import Sequence

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from messaging import events
from messaging.domain.receipt import Receipt
from messaging.postgres.messages import Recorded
from messaging.settings import Settings
from messaging.steps.learning import record_async


async def record(
    pool: AsyncConnectionPool[AsyncConnection[TupleRow]],
    receipts: Sequence[Receipt],
    settings: Settings,
) -> list[Recorded]:
    """Commits these receipts in one transaction and returns those that were new.

    What they teach goes with them: numbers that take no texts, and texts that did not arrive and
    are sent again, as new ones.

    A receipt may come before the answer to the send that it reports: its signed URL names the
    job, and proves that Twilio has the text. Raises psycopg.OperationalError or
    psycopg_pool.PoolTimeout where Postgres does not answer; then nothing is recorded, and
    Twilio is to call again.
    """
    async with pool.connection() as conn:
        recorded = await record_async(conn, receipts, settings)
    orphans = sum(row.job_id is None for row in recorded)
    events.receipt_recorded(receipts=len(recorded), orphans=orphans)
    return recorded
