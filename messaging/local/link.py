"""One connection through the proxy: two sockets, and a way in each direction between them."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""Linger for no time: the kernel throws the connection away with a reset."""


@dataclass(slots=True, kw_only=True)
class Terms:
    """How every link carries bytes now. `seconds` is what each chunk is late by."""

    seconds: float = 0.0
    swallow: bool = False


class Way:
    """One direction. What happens at its beginning happens at its end, in order, perhaps later."""

    def __init__(self, terms: Terms, loop: asyncio.AbstractEventLoop) -> None:
        self._terms = terms
        self._loop = loop
        self._open = False
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def carry(self, act: Callable[[], None]) -> None:
        """Do this at the far end when its time comes; never, if everything is swallowed now."""
        if self._terms.swallow:
            return
        if self._open and not self._waiting and not self._terms.seconds:
            act()
            return
        self._waiting.append((self._due(), act))
        if self._timer is None:
            self._move()

    def open(self) -> None:
        """Somebody is at the far end now."""
        self._open = True
        self._move()

    def hurry(self) -> None:
        """Let everything that is under way arrive now."""
        self._waiting = deque((0.0, act) for _, act in self._waiting)
        self._move()

    def drop(self) -> None:
        """Forget everything that is under way."""
        self._waiting.clear()

    def _due(self) -> float:
        due = self._loop.time() + self._terms.seconds
        return max(due, self._waiting[-1][0]) if self._waiting else due

    def _move(self) -> None:
        """Deliver what is due, and come back for the rest."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._open and self._waiting and self._waiting[0][0] <= self._loop.time():
            self._waiting.popleft()[1]()
        if self._open and self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._move)


class Side(asyncio.Protocol):
    """One of the two sockets: what it hears goes along `out`, what comes along `back` it says."""

    def __init__(self, out: Way, back: Way, lost: Callable[[], None]) -> None:
        """`lost` is called when the socket is closed. Set `far` before anything is heard."""
        self.far = self
        self._out = out
        self._back = back
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._heard_all = self._said_all = self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to say what has come."""
        # uvloop's transports have asyncio's methods but are none of its classes.
        self._transport = cast(asyncio.Transport, transport)
        if self._over:
            self.reset()
        else:
            self._back.open()

    def data_received(self, data: bytes) -> None:
        """Send it along."""
        self._out.carry(partial(self.far.say, data))

    def eof_received(self) -> bool:
        """Send the end along, and stay open for what the far side has yet to say."""
        self._heard_all = True
        self._out.carry(self.far.say_no_more)
        self._close_if_done()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Send the loss along: nobody listens here any more."""
        self._over = True
        self._lost()
        self._out.carry(self.far.reset if exc else self.far.close)

    def pause_writing(self) -> None:
        """Hear no more from a far side that is faster than this one."""
        if transport := self.far.living():
            transport.pause_reading()

    def resume_writing(self) -> None:
        """Hear the far side again."""
        transport = self.far.living()
        if transport and not self.far._heard_all:
            transport.resume_reading()

    def say(self, data: bytes) -> None:
        """Write to the socket, unless it is closing."""
        if transport := self.living():
            transport.write(data)

    def say_no_more(self) -> None:
        """Write the end of the stream."""
        self._said_all = True
        if (transport := self.living()) and transport.can_write_eof():
            transport.write_eof()
        self._close_if_done()

    def close(self) -> None:
        """Close in good order."""
        if transport := self.living():
            transport.close()

    def reset(self) -> None:
        """Close with RST, now or as soon as the socket is here."""
        self._over = True
        if self._transport:
            plug = self._transport.get_extra_info("socket")
            if plug is not None and plug.fileno() >= 0:
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self._transport.abort()

    def living(self) -> asyncio.Transport | None:
        """The transport, if it can still be used."""
        transport = self._transport
        return None if transport is None or transport.is_closing() else transport

    def _close_if_done(self) -> None:
        if self._heard_all and self._said_all:
            self.close()


class Link:
    """A client's connection and the one that is opened to the target for it."""

    def __init__(
        self,
        client: socket.socket,
        terms: Terms,
        loop: asyncio.AbstractEventLoop,
        ended: Callable[["Link"], None],
    ) -> None:
        """Nothing is opened yet. `ended` is called when both sockets are closed."""
        self._plugs = [client]
        self._loop = loop
        self._ended = ended
        self._ways = (Way(terms, loop), Way(terms, loop))
        self._sides: tuple[Side, ...] = ()
        self._left = 2
        self._wanted = True
        self._connecting: asyncio.Task[None] | None = None

    def open(self, target: tuple[str, int]) -> None:
        """Connect to the target; where nobody takes the connection the client's is reset."""
        self._connecting = self._loop.create_task(self._connect(target))
        # A task that is canceled before it runs at all tells nobody else.
        self._connecting.add_done_callback(self._go_on)

    def reset(self) -> None:
        """Close both sockets with RST."""
        self._wanted = False
        if self._sides:
            for side in self._sides:
                side.reset()
        elif self._connecting:
            self._connecting.cancel()
        else:
            self._give_up()

    def hurry(self) -> None:
        """Let everything that is under way arrive now."""
        for way in self._ways:
            way.hurry()

    def drop(self) -> None:
        """Forget everything that is under way."""
        for way in self._ways:
            way.drop()

    async def _connect(self, target: tuple[str, int]) -> None:
        server = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET)
        server.setblocking(False)
        self._plugs.append(server)
        await self._loop.sock_connect(server, target)

    def _go_on(self, connecting: asyncio.Task[None]) -> None:
        # A task that has just ended can't be canceled any more.
        if not self._wanted or connecting.cancelled() or connecting.exception():
            self._give_up()
            return
        there, back = self._ways
        near, far = Side(there, back, self._lose), Side(back, there, self._lose)
        near.far, far.far = far, near
        self._sides = (near, far)
        self._joining = self._loop.create_task(self._join())

    async def _join(self) -> None:
        # uvloop's create_connection closes a descriptor twice where this does not.
        for side, plug in zip(self._sides, self._plugs, strict=True):
            try:
                await self._loop.connect_accepted_socket(partial(_the, side), plug)
            except OSError as error:
                plug.close()
                side.connection_lost(error)

    def _give_up(self) -> None:
        for plug in self._plugs:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            plug.close()
        self._ended(self)

    def _lose(self) -> None:
        self._left -= 1
        if not self._left:
            self._ended(self)


def _the(side: Side) -> Side:
    return side
