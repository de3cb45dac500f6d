"""Requests whose head was seen before, read without parsing it again.

A client repeats its head in every request but for the length of the body, so a busy simulator
reads a few hundred different ones, thousands of times each.
"""

from dataclasses import dataclass
from typing import Final

from messaging.local.simulator.requests import Request

_END: Final = b"\r\n\r\n"
_MOST: Final = 4096
_PLAIN_ONLY: Final = (b"\r\ntransfer-encoding:", b"\r\nexpect:", b"\r\nupgrade:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a head says, and how many bytes follow it."""

    method: str
    path: str
    query: str
    authorization: bytes
    length: int

    def with_body(self, body: bytes) -> Request:
        """The request of this head and that body, on a connection that stays."""
        return Request(
            method=self.method,
            path=self.path,
            query=self.query,
            authorization=self.authorization,
            body=body,
            keep_alive=True,
        )


class Heads:
    """The heads of whole requests that the parser has read. One for all connections."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def request(self, data: bytes) -> Request | None:
        """The one whole request that `data` is, if its head is known; else the parser must read."""
        parts = self.parts(data)
        return parts[0].with_body(parts[1]) if parts else None

    def parts(self, data: bytes) -> tuple[Head, bytes] | None:
        """The same, as its head and its body."""
        end = data.find(_END) + len(_END)
        head = self._known.get(data[:end])
        return (head, data[end:]) if head and len(data) == end + head.length else None

    def learn(self, data: bytes, request: Request) -> None:
        """Remember the head of `data`, which the parser read as exactly this request."""
        end = data.find(_END) + len(_END)
        if request.is_from_a_page or request.has_strange_name:
            return
        is_plain = not any(name in data[:end].lower() for name in _PLAIN_ONLY)
        if not (request.keep_alive and is_plain and len(data) == end + len(request.body)):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[data[:end]] = Head(
            method=request.method,
            path=request.path,
            query=request.query,
            authorization=request.authorization,
            length=len(request.body),
        )
