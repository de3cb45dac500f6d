"""procrastinate, a job a text: the worker of the side that we compare with.

It is meant to be good: the loop is uvloop's, and jobs and texts share a pool of connections to
Postgres that are not asked before each use whether they live; statements are prepared, and each
is a transaction of its own. Connections to Twilio are kept, one for each job at once, and no client
of Twilio's own stands between. Unlike ours it may text twice when a worker dies. `python -m` runs
it until it is killed.
"""

import asyncio
import logging
from base64 import b64encode

import orjson
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from procrastinate import App, PsycopgConnector, RetryStrategy
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from messaging.local.bench.procrastination import TASK, WORKERS, new_app
from messaging.local.loops import fast_loop
from messaging.settings import Settings, current

_CONNECTIONS = 20
"""To Postgres, as the peers in Node.js have them."""
_KEPT, _TIMEOUT = 60.0, 10.0
"""Seconds that an idle connection to Twilio is kept, and that a request may take."""
_RETRIES = RetryStrategy(max_attempts=5, exponential_wait=2)
_SELECT = "select phone, body from texts where id = %s and status <> 'sent'"
_END = "update texts set status = 'sent', sid = %s, sent_at = clock_timestamp() where id = %s"

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]


class Texts:
    """The table of texts, and Twilio."""

    def __init__(self, pool: Pool, twilio: ClientSession, settings: Settings) -> None:
        """Both are open."""
        self._pool = pool
        self._twilio = twilio
        self._path = f"/2010-04-01/Accounts/{settings.twilio_account_sid}/Messages.json"
        self._service = settings.twilio_messaging_service_sid or ""

    async def send(self, id: int) -> None:
        """Send one text, unless it is sent already, and mark its row."""
        async with self._pool.connection() as conn:
            row = await (await conn.execute(_SELECT, [id])).fetchone()
        if row is None:
            return
        sid = await self._create(*row)
        async with self._pool.connection() as conn:
            await conn.execute(_END, [sid, id])

    async def _create(self, phone: str, body: str) -> str:
        form = {"To": phone, "Body": body, "MessagingServiceSid": self._service}
        async with self._twilio.post(self._path, data=form) as answer:
            sid: str = orjson.loads(await answer.read())["sid"]
        return sid


def main() -> None:
    """Send for ever."""
    logging.basicConfig(level=logging.WARNING)
    with asyncio.Runner(loop_factory=fast_loop) as runner:
        runner.run(_work(current()))


async def _work(settings: Settings) -> None:
    app = new_app(PsycopgConnector())
    async with _pool(settings) as pool, _twilio(settings) as twilio, app.open_async(pool):
        app.task(name=TASK, retry=_RETRIES)(Texts(pool, twilio, settings).send)
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(_run(app, max(1, settings.in_flight // WORKERS)))


async def _run(app: App, at_once: int) -> None:
    # Jobs that are done stay, as by default. With delete_jobs, connections could keep plans that
    # were made for an empty table, and a text cost 40 ms of processor time, not 2.3.
    await app.run_worker_async(concurrency=at_once, install_signal_handlers=False)


def _pool(settings: Settings) -> Pool:
    return AsyncConnectionPool(
        settings.database_url.get_secret_value(),
        configure=_commit_each,  # procrastinate sets `autocommit` itself where it listens
        min_size=_CONNECTIONS,
        max_size=_CONNECTIONS,
        open=False,
    )


async def _commit_each(conn: AsyncConnection[TupleRow]) -> None:
    await conn.set_autocommit(True)


def _twilio(settings: Settings) -> ClientSession:
    token = settings.twilio_auth_token
    secret = token.get_secret_value() if token else ""
    pair = b64encode(f"{settings.twilio_account_sid}:{secret}".encode()).decode()
    return ClientSession(
        settings.twilio_api_base_url,
        headers={"Authorization": f"Basic {pair}"},
        connector=TCPConnector(limit=settings.in_flight, keepalive_timeout=_KEPT),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=_TIMEOUT),
        raise_for_status=True,
    )


if __name__ == "__main__":
    main()
