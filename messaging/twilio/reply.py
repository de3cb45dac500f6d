"""One HTTP/1.1 answer, read from bytes as they come."""

from collections.abc import Iterator, Mapping

import httptools

from messaging.domain.record import record


class Headers(Mapping[str, str]):
    """Headers by their names in lower case; the last of several with one name wins.

    They are decoded once somebody asks: of most answers nobody does.
    """

    __slots__ = ("_decoded", "_fields")

    def __init__(self, fields: list[tuple[bytes, bytes]]) -> None:
        self._fields = fields
        self._decoded: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def _all(self) -> dict[str, str]:
        if self._decoded is None:
            latin = ((name.decode("latin-1"), of.decode("latin-1")) for name, of in self._fields)
            self._decoded = {name.lower(): value for name, value in latin}
        return self._decoded


@record
class Reply:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body; what is no UTF-8 in it is replaced."""
        return self.body.decode(errors="replace")


class Garbled(ValueError):
    """What came is not HTTP/1.1."""


class ReplyReader:
    """Turns the bytes of a connection into one Reply after the other, skipping interim answers
    (RFC 9110, 15.2). `begin` goes before each but the first.

    `headers_seen` says whether the status line and the headers are complete; `reusable`
    whether the connection may carry another request after the reply.
    """

    __slots__ = ("_body", "_fields", "_parser", "_reply", "headers_seen", "reusable")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._reply: Reply | None = None
        self.headers_seen = False
        self.reusable = False

    def begin(self) -> None:
        """Await the reply to a further request: the one before left the connection reusable."""
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
        if (
            self._reply is None
            and self.headers_seen
            and Headers(self._fields).keys().isdisjoint(("content-length", "transfer-encoding"))
        ):
            self._complete()
        return self._reply

    def on_message_begin(self) -> None:
        """Start afresh; after a complete reply this is something nobody asked for."""
        self._fields = []
        self._body = []
        self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Note whether the connection stays: the parser knows only until the body ends."""
        if self._reply is None and not self._interim:
            self.headers_seen = True
            self.reusable = self._parser.should_keep_alive()

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
            headers=Headers(self._fields),
            body=b"".join(self._body),
        )
