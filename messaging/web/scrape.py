"""Reads the installation's figures for /metrics without holding up the callbacks."""

import asyncio

import psycopg

from messaging.postgres import connect, figures
from messaging.postgres.figures import Figures
from messaging.settings import Settings

_PATIENCE = 5.0


class Scrape:
    """Reads figures in a thread; scrapes that come together share one reading."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url.get_secret_value()
        self._under_way: asyncio.Task[Figures | None] | None = None

    async def read(self) -> Figures | None:
        """The figures now, or None where Postgres does not answer within five seconds.

        A reading that hangs goes on by itself, and no second one is started beside it.
        """
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(asyncio.to_thread(_read, self._url))
        try:
            return await asyncio.wait_for(asyncio.shield(self._under_way), _PATIENCE)
        except TimeoutError:
            return None


def _read(url: str) -> Figures | None:
    try:
        with psycopg.connect(url, **connect.OPTIONS) as conn:
            conn.execute("select set_config('statement_timeout', '4s', true)")
            return figures.read(conn)
    except psycopg.Error:
        return None
