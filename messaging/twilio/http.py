"""The HTTP client that the official package sends through: staged, pooled, and never repeating."""

import asyncio
import logging
import ssl
import time
from collections import defaultdict
from collections.abc import Mapping

from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from messaging.twilio.connection import Connection
from messaging.twilio.dial import Origin, dial
from messaging.twilio.reply import Reply
from messaging.twilio.request import FormPost, address_of, written_request
from messaging.twilio.stages import BETWEEN_GLANCES, PROGRESS, Failed, Progress

LONGEST_IDLE = 4.0
"""Seconds that a connection is kept unused. Servers close idle connections after 5 s (uvicorn,
Node) or more; a request that crosses such a close is in doubt and costs a minute, a new
connection costs a tenth of a second."""
_SOON = 1.0
"""Seconds within which a connection that is made ready is used."""


class StagedHttpClient(AsyncHttpClient):
    """Twilio's custom-client interface over HTTP/1.1 connections that are kept alive.

    A request is written at most once; whatever goes wrong raises Failed with the stage that it
    had reached. Set PROGRESS in the calling task to give a deadline and to follow the stage.
    At most `in_flight` requests are open at once; the others wait for their turn until their
    deadline. Proxy variables of the environment are not read. Use it in one loop only.
    """

    def __init__(
        self,
        *,
        connect_timeout: float,
        read_timeout: float,
        in_flight: int,
        longest_idle: float = LONGEST_IDLE,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True, timeout=read_timeout)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._longest_idle = longest_idle
        self._tls = tls or ssl.create_default_context()
        self._turns = asyncio.Semaphore(in_flight)
        self._idle: dict[Origin, list[tuple[Connection, float]]] = defaultdict(list)

    async def request(  # type: ignore[override]  # as in the package's own class
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Twilio's answer, whatever its status; redirects are answers too. Raises Failed.

        `timeout` in seconds replaces the read timeout for this request.
        """
        if allow_redirects:
            raise ValueError("A redirected request would be written twice; redirects are refused.")
        address = address_of(uri)
        written = written_request(method, address, params, data, headers, auth)
        progress = PROGRESS.get(None) or Progress()
        await self._take_turn(progress)
        try:
            seconds = timeout or self._read_timeout
            reply = await self._exchange(address.origin, written, seconds, progress)
        finally:
            self._turns.release()
        return Response(reply.status, reply.text, reply.headers)

    async def post(
        self, repeated: FormPost, form: Mapping[str, object], progress: Progress
    ) -> Reply:
        """The same for a form and a head that was made once, and without a turn: whoever calls this
        keeps the number of requests low. Raises Failed."""
        written = repeated.written(form)
        return await self._exchange(repeated.origin, written, self._read_timeout, progress)

    async def ready(self, origin: Origin, count: int) -> None:
        """Open connections until so many wait to be used; those that cannot be opened are not."""
        soon = time.monotonic() - self._longest_idle + _SOON
        idle = [since for connection, since in self._idle[origin] if connection.reusable]
        missing = count - sum(since > soon for since in idle)
        await asyncio.gather(*(self._open(origin) for _ in range(missing)))

    async def _open(self, origin: Origin) -> None:
        try:
            connection = await dial(
                origin, tls=self._tls, timeout=self._connect_timeout, progress=Progress()
            )
        except Failed:  # whoever sends finds out, and says so
            return
        self._put_back(origin, connection)

    async def close(self) -> None:
        """Close the connections that no request is using."""
        for idle in self._idle.values():
            for connection, _ in idle:
                connection.close()
        self._idle.clear()
        await asyncio.sleep(0)

    async def _exchange(
        self, origin: Origin, written: bytes, timeout: float, progress: Progress
    ) -> Reply:
        connection = self._idle_one(origin)
        if connection is None:
            connection = await dial(
                origin, tls=self._tls, timeout=self._connect_timeout, progress=progress
            )
        try:
            while progress.is_unseen:
                await asyncio.sleep(BETWEEN_GLANCES)
            return await connection.exchange(written, timeout=timeout, progress=progress)
        finally:
            self._put_back(origin, connection)

    async def _take_turn(self, progress: Progress) -> None:
        try:
            async with asyncio.timeout(progress.time_left):
                await self._turns.acquire()
        except TimeoutError as error:
            raise progress.too_late() from error

    def _idle_one(self, origin: Origin) -> Connection | None:
        """A connection that is open and not used; None where there is none."""
        idle = self._idle[origin]
        while idle:
            connection, since = idle.pop()
            if (
                time.monotonic() - since < self._longest_idle
                and connection.reusable
                and connection.silent
            ):
                return connection
            connection.close()
        return None

    def _put_back(self, origin: Origin, connection: Connection) -> None:
        if connection.reusable:
            self._idle[origin].append((connection, time.monotonic()))
        else:
            connection.close()
