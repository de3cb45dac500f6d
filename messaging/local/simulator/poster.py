"""An HTTP client for webhooks: many posts at once over connections that stay open."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import httptools

from messaging.local.simulator.overrides import Overrides

RETRY_DELAY = 0.1
"""Seconds before a post that failed is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where posts go: one server."""

    host: str
    port: int
    secure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a post ended: an HTTP status, or a failure (ct: no connection, rt: no answer)."""

    status: int | None = None
    failure: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the server took it."""
        return self.status is not None and self.status < 400

    @property
    def kind(self) -> str:
        """The word for this outcome in a retry policy."""
        return self.failure or f"{(self.status or 0) // 100}xx"


@dataclass(slots=True, kw_only=True)
class Parcel:
    """One request, ready to be written, and what to do when it has ended."""

    origin: Origin
    request: bytes
    overrides: Overrides
    on_end: Callable[[Outcome], None] | None
    tries: int = 0
    deadline: float = 0.0


@dataclass(slots=True, kw_only=True)
class Count:
    """How posts have gone since the start."""

    delivered: int = 0
    failed: int = 0
    retried: int = 0
    waiting: int = 0


class Poster:
    """Sends parcels; a few connections to each server, one request at a time on each."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, connections: int) -> None:
        self._loop = loop
        self._connections = connections
        self._lanes: dict[Origin, _Lane] = {}
        self.count = Count()

    def send(self, parcel: Parcel) -> None:
        """Send it soon; its `on_end` learns how it went."""
        self.count.waiting += 1
        parcel.deadline = self._loop.time() + parcel.overrides.total_timeout
        self._try(parcel)

    def settle(self, parcel: Parcel, outcome: Outcome) -> None:
        """Retry a post where its overrides ask for it; else it has ended."""
        wishes = parcel.overrides
        again = not outcome.delivered and outcome.kind in wishes.retried
        if again and parcel.tries <= wishes.retries and self._loop.time() < parcel.deadline:
            self.count.retried += 1
            self._loop.call_later(RETRY_DELAY, self._try, parcel)
            return
        self._end(parcel, outcome)

    def close(self) -> None:
        """Drop everything."""
        for lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    def _try(self, parcel: Parcel) -> None:
        parcel.tries += 1
        lane = self._lanes.get(parcel.origin)
        if lane is None:
            lane = _Lane(self, parcel.origin, self._loop, self._connections)
            self._lanes[parcel.origin] = lane
        lane.send(parcel)

    def _end(self, parcel: Parcel, outcome: Outcome) -> None:
        self.count.waiting -= 1
        if outcome.delivered:
            self.count.delivered += 1
        else:
            self.count.failed += 1
        if parcel.on_end:
            parcel.on_end(outcome)


class _Lane:
    """The posts to one server."""

    def __init__(
        self, poster: Poster, origin: Origin, loop: asyncio.AbstractEventLoop, most: int
    ) -> None:
        self._poster = poster
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

    def close(self) -> None:
        """Drop connections and posts."""
        self._waiting.clear()
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

    def settle(self, parcel: Parcel, outcome: Outcome) -> None:
        """Hand over how a post went."""
        self._poster.settle(parcel, outcome)

    def _open_one(self) -> None:
        if len(self._lines) + len(self._connecting) < self._most:
            task = self._loop.create_task(self._connect(self._waiting[0].overrides))
            self._connecting.add(task)
            task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[None]) -> None:
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

    def __init__(self, lane: _Lane, loop: asyncio.AbstractEventLoop) -> None:
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
