"""The HTTP client that the official package sends through: staged, pooled, and never repeating."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from functools import partial

from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from messaging.twilio.connection import Connection
from messaging.twilio.dial import Names, Origin, dial
from messaging.twilio.openings import Openings
from messaging.twilio.pool import Pool
from messaging.twilio.reply import Reply
from messaging.twilio.request import FormPost, address_of, written_request
from messaging.twilio.stages import BETWEEN_GLANCES, PROGRESS, Failed, Progress

LONGEST_IDLE = 4.0
"""Seconds that a connection is kept unused. Servers close idle connections after 5 s (uvicorn,
Node) or more; a request that crosses such a close is in doubt and costs a minute, a new
connection costs a tenth of a second."""
_SOON = 1.0
"""Seconds within which a connection that is made ready is used."""

Told = Callable[[Reply | BaseException], None]
"""What is told once a request is over."""


class StagedHttpClient(AsyncHttpClient):
    """Twilio's custom-client interface over HTTP/1.1 connections that are kept alive.

    A request is written at most once; whatever goes wrong raises Failed with the stage that it
    had reached. Set PROGRESS in the calling task to give a deadline and to follow the stage.
    At most `in_flight` of the package's requests are open at once; the others wait for their turn
    until their deadline. Proxy variables of the environment are not read. Use it in one loop only.
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
        self._names = Names()
        self._pools: dict[Origin, Pool] = {}
        self._openings: dict[Origin, Openings] = {}
        self._tasks: set[asyncio.Task[None]] = set()

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
            origin, seconds = address.origin, timeout or self._read_timeout
            connection = await self._ready_one(origin, self._pool(origin).take(), progress)
            reply = await _reply(connection, written, seconds, progress)
        finally:
            self._turns.release()
        return Response(reply.status, reply.text, reply.headers)

    def post(
        self,
        repeated: FormPost,
        form: Mapping[str, object],
        progress: Progress,
        then: Told,
        *,
        urgent: bool = False,
    ) -> None:
        """The same for a form and a head that was made once. `then` gets the reply, or why there is
        none, after this has returned; where a connection waits, that takes no task. Where none
        does, urgent requests get the next one.

        The caller sees to it that not too many requests are open. Raises Failed.
        """
        written, origin = repeated.written(form), repeated.origin
        connection = self._pool(origin).take()
        if connection is None:
            go_on = partial(self._post_after_waiting, origin, written, progress, then)
            self._opening(origin).wait(go_on, urgent=urgent)
        else:
            self._post(origin, written, progress, then, connection)

    async def ready(self, origin: Origin, count: int) -> None:
        """Open connections until so many wait to be used; those that cannot be opened are not."""
        missing = count - self._pool(origin).count(_SOON)
        await asyncio.gather(*(self._open(origin) for _ in range(missing)))

    async def close(self) -> None:
        """Close the connections that no request is using."""
        for pool in self._pools.values():
            pool.close()
        await asyncio.sleep(0)

    def _post_after_waiting(
        self,
        origin: Origin,
        written: bytes,
        progress: Progress,
        then: Told,
        connection: Connection | None,
    ) -> None:
        try:
            self._post(origin, written, progress, then, connection)
        except Exception as error:  # noqa: BLE001 - an answer for each
            then(error)

    def _post(
        self,
        origin: Origin,
        written: bytes,
        progress: Progress,
        then: Told,
        connection: Connection | None,
    ) -> None:
        if connection is None or progress.is_unseen:
            later = self._post_later(origin, connection, written, progress, then)
            task = asyncio.ensure_future(later)
            self._tasks.add(task)
            task.add_done_callback(partial(self._tell_of_failure, then))
        else:
            connection.exchange(written, timeout=self._read_timeout, progress=progress, then=then)

    async def _post_later(
        self,
        origin: Origin,
        connection: Connection | None,
        written: bytes,
        progress: Progress,
        then: Told,
    ) -> None:
        ready = await self._ready_one(origin, connection, progress)
        ready.exchange(written, timeout=self._read_timeout, progress=progress, then=then)

    def _tell_of_failure(self, then: Told, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            then(error)

    async def _ready_one(
        self, origin: Origin, connection: Connection | None, progress: Progress
    ) -> Connection:
        """This connection or a new one, once it is known that nobody has stopped sending."""
        if connection is None:
            connection = await self._dialed(origin, progress)
        try:
            while progress.is_unseen:
                await asyncio.sleep(BETWEEN_GLANCES)
        except BaseException:
            self._pool(origin).put_back(connection)
            raise
        return connection

    async def _open(self, origin: Origin) -> None:
        try:
            connection = await self._dialed(origin, Progress())
        except Failed:  # whoever sends finds out, and says so
            return
        self._pool(origin).put_back(connection)

    async def _dialed(self, origin: Origin, progress: Progress) -> Connection:
        seconds = self._connect_timeout
        connection = await dial(
            origin, tls=self._tls, timeout=seconds, progress=progress, names=self._names
        )
        connection.on_free = self._pool(origin).put_back
        return connection

    def _pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(self._longest_idle)
        return pool

    def _opening(self, origin: Origin) -> Openings:
        openings = self._openings.get(origin)
        if openings is None:
            openings = self._openings[origin] = Openings(self._pool(origin).take)
        return openings

    async def _take_turn(self, progress: Progress) -> None:
        try:
            async with asyncio.timeout(progress.time_left):
                await self._turns.acquire()
        except TimeoutError as error:
            raise progress.too_late() from error


async def _reply(
    connection: Connection, written: bytes, timeout: float, progress: Progress
) -> Reply:
    arrival: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    then = partial(_settle, arrival)
    connection.exchange(written, timeout=timeout, progress=progress, then=then)
    try:
        return await arrival
    except asyncio.CancelledError:
        connection.close()
        raise


def _settle(arrival: asyncio.Future[Reply], came: Reply | Failed) -> None:
    if arrival.done():  # whoever waited for it has gone
        return
    if isinstance(came, Failed):
        arrival.set_exception(came)
    else:
        arrival.set_result(came)
