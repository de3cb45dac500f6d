"""Reads the installation's figures for /metrics without holding up the callbacks.

At the replica where there is one: a scrape each few seconds need not cost the database anything.
"""

import asyncio
from functools import partial

import psycopg

from messaging.domain.keeping import Times
from messaging.outages import Outages
from messaging.postgres import figures
from messaging.postgres.figures import Figures
from messaging.postgres.jobs import Postgres
from messaging.postgres.reading import Seen, read
from messaging.settings import Settings

_PATIENCE = 5.0


class Scrape:
    """Reads figures in a thread; scrapes that come together share one reading."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outages = Outages()
        self._under_way: asyncio.Task[Seen[Figures] | None] | None = None

    async def read(self) -> Seen[Figures] | None:
        """The figures now, or None where Postgres does not answer within five seconds.

        A reading that hangs goes on by itself, and no second one is started beside it.
        """
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(asyncio.to_thread(self._read))
        try:
            return await asyncio.wait_for(asyncio.shield(self._under_way), _PATIENCE)
        except TimeoutError:
            return None

    def _read(self) -> Seen[Figures] | None:
        try:
            ask = partial(_figures, self._settings.times)
            seen = read(self._settings, ask, partial(self._outages.note, "replica"))
        except psycopg.Error:
            return None
        if seen.behind is not None:
            self._outages.worked()
        return seen


def _figures(times: Times, conn: Postgres) -> Figures:
    with conn.transaction():
        conn.execute("select set_config('statement_timeout', '4s', true)")
        return figures.read(conn, times)
