"""HTTP/1.1 on one client connection: requests in, answers out, and ways to break both."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final, cast

import httptools

from messaging.local.simulator.browsers import HEADERS, has_strange_name, is_from_a_page
from messaging.local.simulator.heads import Heads
from messaging.local.simulator.requests import Request, Response

LARGEST_BODY: Final = 1_000_000
"""Bytes of a request body; a text with ten media URLs is far below."""


class Turn:
    """One request on its connection, until it is answered or the connection ends.

    Exactly one of answer, answer_partly, truncate and reset ends it.
    """

    __slots__ = ("_connection", "_gone", "_left", "on_end", "request")

    def __init__(self, connection: "Connection", request: Request) -> None:
        self._connection = connection
        self.request = request
        self._gone: asyncio.Future[None] | None = None
        self._left = False
        self.on_end: Callable[[], None] | None = None

    @property
    def from_loopback(self) -> bool:
        """Whether the client is on this machine."""
        return self._connection.from_loopback

    def answer(self, response: Response) -> None:
        """Write the answer; the connection takes the next request."""
        self._connection.write(response.encode(keep_alive=self.request.keep_alive))
        self._end(close=not self.request.keep_alive)

    def answer_partly(self, response: Response) -> None:
        """Write the first half of the answer; `answer_rest` ends the turn."""
        self._connection.write(_halves(response)[0])

    def answer_rest(self, response: Response) -> None:
        """Write what `answer_partly` left out."""
        self._connection.write(_halves(response)[1])
        self._end(close=False)

    def truncate(self, response: Response) -> None:
        """Write half of the answer, and close the connection in good order."""
        self.answer_partly(response)
        self._end(close=True)

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        self._connection.reset()

    def gone(self) -> asyncio.Future[None]:
        """What is done once the client has gone."""
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_future()
            if self._left:
                self._gone.set_result(None)
        return self._gone

    def leave(self) -> None:
        """End the turn because the client has gone."""
        self._left = True
        if self._gone and not self._gone.done():
            self._gone.set_result(None)
        self._finish()

    def _end(self, *, close: bool) -> None:
        self._finish()
        self._connection.end_turn(close=close)

    def _finish(self) -> None:
        if self.on_end:
            self.on_end()
            self.on_end = None


class Connection(asyncio.Protocol):
    """A client's connection. Requests on it are served one after the other."""

    def __init__(
        self, serve: Callable[[Turn], None], open_ones: set["Connection"], heads: Heads
    ) -> None:
        self._serve = serve
        self._open_ones = open_ones
        self._heads = heads
        self._between = True
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._turn: Turn | None = None
        self.from_loopback = False

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way back to the client."""
        # uvloop's transports have asyncio's methods but are none of its classes.
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.from_loopback = bool(peer) and peer[0].startswith(("127.", "::1", "::ffff:127."))
        self._open_ones.add(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes; what is no HTTP closes the connection."""
        began_between = self._between
        if began_between and (request := self._heads.request(data)):
            self._take(request)
            return
        self._last: Request | None = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()
            return
        if began_between and self._between and self._last:
            self._heads.learn(data, self._last)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being served."""
        self._open_ones.discard(self)
        self._waiting.clear()
        if self._turn:
            self._turn.leave()
            self._turn = None

    # httptools' side

    def on_message_begin(self) -> None:
        """Start a request."""
        self._between = False
        self._url = b""
        self._authorization = b""
        self._content = b""
        self._telling: dict[bytes, bytes] = {}

    def on_url(self, url: bytes) -> None:
        """Take a part of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the headers that matter, and let a waiting client send its body."""
        lowered = name.lower()
        if lowered == b"authorization":
            self._authorization = value
        elif lowered in HEADERS:
            self._telling[lowered] = value
        elif lowered == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._content += body
        if len(self._content) > LARGEST_BODY:
            self._transport.close()

    def on_message_complete(self) -> None:
        """Make a request of what came."""
        path, _, query = self._url.decode("ascii", "replace").partition("?")
        self._between = True
        self._last = Request(
            method=self._parser.get_method().decode(),
            path=path,
            query=query,
            authorization=self._authorization,
            body=self._content,
            keep_alive=self._parser.should_keep_alive(),
            is_from_a_page=is_from_a_page(self._telling),
            has_strange_name=has_strange_name(self._telling),
        )
        self._take(self._last)

    def _take(self, request: Request) -> None:
        """Serve a request, now or when those before it are answered."""
        self._waiting.append(request)
        if self._turn is None:
            self._next()

    # the turn's side

    def write(self, data: bytes) -> None:
        """Write bytes, unless the client has gone."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def reset(self) -> None:
        """Close with RST: no lingering, so the kernel throws the connection away."""
        plug = self._transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def close(self) -> None:
        """Close at once."""
        self._transport.abort()

    def end_turn(self, *, close: bool) -> None:
        """Go on to the next request, or close."""
        self._turn = None
        if close:
            self._transport.close()
        elif self._waiting:
            self._next()

    def _next(self) -> None:
        self._turn = Turn(self, self._waiting.popleft())
        self._serve(self._turn)


def _halves(response: Response) -> tuple[bytes, bytes]:
    """The status line, the headers and half of the body; the rest of the body."""
    encoded = response.encode(keep_alive=True)
    middle = len(encoded) - (len(response.body) + 1) // 2
    return encoded[:middle], encoded[middle:]
