"""One HTTP/1.1 answer, read from bytes as they come."""

from collections.abc import Mapping

import httptools

from messaging.domain.record import record


@record
class Reply:
    """A complete answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Garbled(ValueError):
    """What came is not HTTP/1.1."""


class ReplyReader:
    """Turns the bytes of a connection into one Reply after the other, skipping interim answers
    (RFC 9110, 15.2). `begin` goes before each but the first.

    `headers_seen` says whether the status line and the headers are complete; `reusable`
    whether the connection may carry another request after the reply.
    """

    __slots__ = ("_body", "_framed", "_headers", "_parser", "_reply", "headers_seen", "reusable")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._framed = False
        self._reply: Reply | None = None
        self.headers_seen = False
        self.reusable = False

    def begin(self) -> None:
        """Await the reply to a further request: the one before left the connection reusable."""
        self._framed = False
        self._reply = None
        self.headers_seen = False
        self.reusable = False

    def feed(self, received: bytes) -> Reply | None:
        """The reply once it is complete, else None. Raises Garbled."""
        try:
            self._parser.feed_data(received)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.reusable = False
            if self._reply is None:
                raise Garbled(str(error)) from error
        return self._reply

    def end(self) -> Reply | None:
        """The reply if the end of the stream completes it, else None: it was cut short."""
        self.reusable = False
        if self._reply is None and self.headers_seen and not self._framed:
            self._complete()
        return self._reply

    def on_message_begin(self) -> None:
        """Start afresh; after a complete reply this is something nobody asked for."""
        self._headers = {}
        self._body = []
        self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; the last of several with one name wins."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note how the body ends. The parser knows about keep-alive only until the body ends."""
        if self._reply is None and not self._interim:
            self.headers_seen = True
            self.reusable = self._parser.should_keep_alive()
            self._framed = not self._headers.keys().isdisjoint(
                ("content-length", "transfer-encoding")
            )

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        self._body.append(part)

    def on_message_complete(self) -> None:
        """Make the reply, unless this was an interim answer or one too many."""
        if self._reply is None and not self._interim:
            self._complete()

    @property
    def _interim(self) -> bool:
        return self._parser.get_status_code() < 200

    def _complete(self) -> None:
        self._reply = Reply(
            status=self._parser.get_status_code(),
            headers=self._headers,
            body=b"".join(self._body),
        )
