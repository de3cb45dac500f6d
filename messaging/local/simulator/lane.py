"""The connections to one webhook server."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias, cast

import httptools

from messaging.local.simulator.overrides import Overrides
from messaging.local.simulator.parcels import Origin, Outcome, Parcel

Settle: TypeAlias = Callable[[Parcel, Outcome], None]


class Lane:
    """The posts to one server."""

    def __init__(
        self, settle: Settle, origin: Origin, loop: asyncio.AbstractEventLoop, most: int
    ) -> None:
        self.settle = settle
        self._origin = origin
        self._loop = loop
        self._most = most
        self._waiting: deque[Parcel] = deque()
        self._idle: list[_Line] = []
        self._lines: set[_Line] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    def send(self, parcel: Parcel) -> None:
        """Write the post on an idle connection, or open one, or let it wait."""
        if self._idle:
            self._idle.pop().send(parcel)
            return
        self._waiting.append(parcel)
        self._open_one()

    def forget(self) -> None:
        """Drop the posts that wait for a connection."""
        self._waiting.clear()

    def close(self) -> None:
        """Drop connections and posts."""
        self.forget()
        for task in self._connecting:
            task.cancel()
        for line in tuple(self._lines):
            line.close()

    def joined(self, line: "_Line") -> None:
        """Use a connection that is open and free."""
        self._lines.add(line)
        if self._waiting:
            line.send(self._waiting.popleft())
        else:
            self._idle.append(line)

    def left(self, line: "_Line") -> None:
        """Forget a connection that has ended."""
        self._lines.discard(line)
        if line in self._idle:
            self._idle.remove(line)
        if self._waiting:
            self._open_one()

    def _open_one(self) -> None:
        if len(self._lines) + len(self._connecting) < self._most:
            task = self._loop.create_task(self._connect(self._waiting[0].overrides))
            self._connecting.add(task)
            task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[None]) -> None:
        """Look after posts that came while the attempt was ending and still counted as one."""
        self._connecting.discard(task)
        if self._waiting and not task.cancelled():
            self._open_one()

    async def _connect(self, wishes: Overrides) -> None:
        where = self._origin
        try:
            async with asyncio.timeout(wishes.connect_timeout):
                await self._loop.create_connection(
                    lambda: _Line(self, self._loop),
                    where.host,
                    where.port,
                    ssl=_trust() if where.secure else None,
                )
        except OSError:
            # TimeoutError is an OSError too. Where no connection is open, all that wait fail.
            for _ in range(1 if self._lines else len(self._waiting)):
                if self._waiting:
                    self.settle(self._waiting.popleft(), Outcome(failure="ct"))


class _Line(asyncio.Protocol):
    """One connection to a webhook server."""

    def __init__(self, lane: Lane, loop: asyncio.AbstractEventLoop) -> None:
        self._lane = lane
        self._loop = loop
        self._parcel: Parcel | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._used = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to be used."""
        # uvloop's transports have asyncio's methods but are none of its classes.
        self._transport = cast(asyncio.Transport, transport)
        self._lane.joined(self)

    def send(self, parcel: Parcel) -> None:
        """Write a post and wait for its answer."""
        self._parcel = parcel
        self._parser = httptools.HttpResponseParser(self)
        self._timer = self._loop.call_later(parcel.overrides.read_timeout, self._give_up)
        self._transport.write(parcel.request)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the answer."""
        if self._parcel is None:
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_complete(self) -> None:
        """The answer is here: settle the post, and take the next or close."""
        status = self._parser.get_status_code()
        stays = self._parser.should_keep_alive()
        if status < 200:
            return
        parcel = self._finish()
        self._used = True
        if parcel:
            self._lane.settle(parcel, Outcome(status=status))
        if stays and not self._transport.is_closing():
            self._lane.joined(self)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle the post that was under way."""
        parcel = self._finish()
        self._lane.left(self)
        if parcel is None:
            return
        if self._used:
            # The server closed an idle connection just as it was used: not the post's fault.
            self._lane.send(parcel)
            return
        self._lane.settle(parcel, Outcome(failure="rt"))

    def close(self) -> None:
        """Close at once, without settling anything."""
        self._finish()
        self._transport.abort()

    def _give_up(self) -> None:
        parcel = self._finish()
        self._transport.abort()
        if parcel:
            self._lane.settle(parcel, Outcome(failure="rt"))

    def _finish(self) -> Parcel | None:
        if self._timer:
            self._timer.cancel()
        parcel, self._parcel = self._parcel, None
        return parcel


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
