"""Connections of the web process, with limits that uvicorn does not have.

A client that sends slowly, or nothing, keeps a place for seconds and not for ever; and when all
places are taken, the one that has been waited for longest goes.
"""

import asyncio
import resource
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from messaging.refusals import Refusals

MOST = 2000
"""Connections at a time; fewer where the process may not open so many files."""
TIME = 10.0
"""Seconds for a request's head, from the connection or its first byte on, and again for its body.
A second more may pass. Twilio itself gives up after 15."""
READ_TIME = 10.0
"""Seconds in which a client reads what it was sent."""
LONGEST_HEAD = 32 * 1024
"""Bytes of a request's head; those of Twilio's webhooks have about two thousand."""
MOST_AHEAD = 8
"""Requests that a client may send before it has read the answer to the first."""

_LOOK = 1.0
"""Seconds between two looks for clients that take too long."""
_BETWEEN = 4
"""Bytes around a header's name and value: a colon, a space, and the end of the line."""
_LINGER = 1.0
"""Seconds that a client has to read why it is told to go."""
_OTHER_FILES = 200
"""Files that the process opens beside its connections, at most: pools, logs, the event loop's."""

_NO_HTTP = HTTPStatus.BAD_REQUEST, "It sent what is no HTTP."
_TOO_MUCH = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "It sent too large a head, or too many."


class _TooMuch(Exception):
    """A head is too large, or comes too early."""


class Places:
    """The connections that owe us bytes, the one that has done so for longest first.

    One timer looks at them each second: a timer for each request costs a quarter of its time.
    """

    def __init__(self, most: int, refused: Callable[[str], None]) -> None:
        """`refused` is told why, whenever a client is sent away."""
        self._most = most
        self._since: dict[Connection, float] = {}
        self._is_looking = False
        self.refused = refused

    def expect(self, connection: "Connection", now: float) -> None:
        """From now on, by the loop's clock, it has TIME to send the next part of a request."""
        self._since.pop(connection, None)
        self._since[connection] = now
        if not self._is_looking:
            self._look_again(connection.loop)

    def leave(self, connection: "Connection") -> None:
        """It is not waited for any more."""
        self._since.pop(connection, None)

    def are_taken(self, connections: int) -> bool:
        """Whether with so many connections there is no place for the last one.

        The one that has been waited for longest gives up its own, where there is one.
        """
        if connections <= self._most:
            return False
        eldest = next(iter(self._since), None)
        if eldest is None:
            return True
        eldest.end("It had sent nothing for longest when all places were taken.")
        return False

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_looking = bool(self._since)
        if self._since:
            loop.call_later(_LOOK, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        patience = loop.time() - TIME
        for connection in [each for each, since in self._since.items() if since <= patience]:
            connection.give_up()
        self._look_again(loop)


class Connection(HttpToolsProtocol):
    """Uvicorn's connection, which is ended where its client takes its time."""

    def __init__(self, places: Places, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._places = places
        self._unread: asyncio.TimerHandle | None = None
        self._in_head = self._begun = True
        self._head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client has TIME, unless all places are taken."""
        super().connection_made(transport)
        if self._places.are_taken(len(self.connections)):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "All places are taken.")
            return
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for."""
        self._places.leave(self)
        self._stop_unread()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head are counted; what is no HTTP is refused without a line in the log."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head += len(data)
            if not self._begun:
                self._begun = True
                self._expect()
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # it is answered as any other request
        except httptools.HttpParserCallbackError as error:
            is_too_much = isinstance(error.__context__, _TooMuch)
            self._refuse(*(_TOO_MUCH if is_too_much else _NO_HTTP))
        except httptools.HttpParserError:
            self._refuse(*_NO_HTTP)
        else:
            if self._in_head and self._head > LONGEST_HEAD:
                self._refuse(*_TOO_MUCH)

    def on_message_begin(self) -> None:
        """A request begins: what has come of it is counted anew with its next bytes."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """The head is there: its body has a time of its own."""
        if self._is_head_too_large() or len(self.pipeline) >= MOST_AHEAD:
            raise _TooMuch  # the parser makes an error of its own of it
        self._in_head, self._head = False, 0
        super().on_headers_complete()
        self._expect()

    def on_message_complete(self) -> None:
        """The client has said all: the rest is up to us."""
        super().on_message_complete()
        self._in_head, self._begun = True, False
        if self.cycle.response_complete:  # it was answered before it had said all
            self._expect()
        else:
            self._places.leave(self)

    def on_response_complete(self) -> None:
        """It may send another request, and is waited for: uvicorn's keep-alive says how long."""
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:
            self._expect()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(READ_TIME, self.end, "It did not read its answer.")

    def resume_writing(self) -> None:
        """It reads on."""
        super().resume_writing()
        self._stop_unread()

    def end(self, reason: str) -> None:
        """Ends the connection at once, without an answer."""
        self._places.refused(reason)
        self._places.leave(self)
        self.transport.abort()

    def give_up(self) -> None:
        """Ends the connection, and says that its client took too long."""
        if self.transport.is_closing():  # idle, and its last answer is still not read
            self.end("It did not read its answer.")
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "Its request took too long.")

    def _expect(self) -> None:
        self._places.expect(self, self.loop.time())

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._places.refused(reason)
        if not (self._is_being_answered() or self.transport.is_closing()):
            self.transport.write(_answer(status))
        self._close()

    def _is_head_too_large(self) -> bool:
        if 0 < self._head <= LONGEST_HEAD:  # it began with the bytes that were counted
            return False
        size = sum(len(name) + len(value) + _BETWEEN for name, value in self.headers)
        return len(self.url) + size > LONGEST_HEAD

    def _is_being_answered(self) -> bool:
        cycle = self.cycle
        return cycle is not None and cycle.response_started and not cycle.response_complete

    def _close(self) -> None:
        """Closes it; who does not read what is still to be read has a moment to do so."""
        self._places.leave(self)
        if not self.transport.is_closing():
            self.transport.close()
            self.loop.call_later(_LINGER, self.transport.abort)

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def connections() -> type[asyncio.Protocol]:
    """What uvicorn makes a connection with; the process lets itself open the files for MOST."""
    places = Places(_places(), Refusals("client").note)
    return cast("type[asyncio.Protocol]", partial(Connection, places))


def _places() -> int:
    wanted = MOST + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft - _OTHER_FILES))


def _answer(status: HTTPStatus) -> bytes:
    text = f"{status.phrase}\n"
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(text)}\r\nconnection: close\r\n\r\n"
    )
    return (head + text).encode("ascii")
