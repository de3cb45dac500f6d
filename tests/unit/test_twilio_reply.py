"""HTTP answers, read from bytes as they come."""

import pytest

from messaging.twilio.reply import Garbled, Reply, ReplyReader

CREATED = b"HTTP/1.1 201 Created\r\nX-Name: Value\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


def read(*parts: bytes) -> tuple[ReplyReader, Reply | None]:
    reader = ReplyReader()
    reply = None
    for part in parts:
        reply = reader.feed(part)
    return reader, reply


@pytest.mark.parametrize(
    "raw, status, body, reusable",
    [
        (CREATED, 201, b"{}", True),
        (CHUNKED, 200, b"abcde", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + CREATED, 201, b"{}", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CREATED, 201, b"{}", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 200, b"x", False),
        (CREATED + b"HTTP/1.1 200 OK\r\n", 201, b"{}", False),
        (CREATED + b"noise", 201, b"{}", False),
    ],
)
def test_a_reply_is_the_same_in_one_piece_or_in_many(
    raw: bytes, status: int, body: bytes, reusable: bool
) -> None:
    whole, reply = read(raw)
    assert reply is not None
    assert (status, body, reusable) == (reply.status, reply.body, whole.reusable)
    piecewise, again = read(*[raw[place : place + 1] for place in range(len(raw))])
    assert reply == again
    assert reusable == piecewise.reusable


@pytest.mark.parametrize("cut", range(1, len(CHUNKED)))
def test_a_reply_after_another_is_its_own(cut: int) -> None:
    reader, first = read(b"HTTP/1.1 100 Continue\r\n\r\n", CREATED)
    assert reader.reusable
    reader.begin()
    assert (False, False) == (reader.headers_seen, reader.reusable)
    assert reader.feed(CHUNKED[:cut]) is None
    second = reader.feed(CHUNKED[cut:])
    assert first is not None
    assert second is not None
    assert (201, b"{}", 200, b"abcde") == (first.status, first.body, second.status, second.body)
    assert "x-name" not in second.headers
    assert reader.reusable


def test_a_reply_after_another_may_be_cut_short_too() -> None:
    reader, _ = read(CREATED)
    reader.begin()
    reader.feed(CREATED[:-1])
    assert reader.end() is None


def test_header_names_are_in_lower_case() -> None:
    _, reply = read(CREATED)
    assert reply is not None
    assert reply.headers["x-name"] == "Value"


def test_a_body_without_a_length_ends_with_the_stream() -> None:
    reader, reply = read(b"HTTP/1.1 200 OK\r\n\r\nab", b"cd")
    assert reply is None
    ended = reader.end()
    assert ended is not None
    assert (ended.body, reader.reusable) == (b"abcd", False)


@pytest.mark.parametrize("raw", [b"", CREATED[:12], CREATED[:-1], CHUNKED[:-2]])
def test_a_stream_that_ends_too_early_makes_no_reply(raw: bytes) -> None:
    reader = ReplyReader()
    if raw:
        reader.feed(raw)
    assert reader.end() is None


@pytest.mark.parametrize("cut, seen", [(12, False), (-4, False), (-2, True), (-1, True)])
def test_the_headers_are_seen_once_they_are_complete(cut: int, seen: bool) -> None:
    reader, _ = read(CREATED[:cut])
    assert seen == reader.headers_seen


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_what_is_not_http_is_garbled(raw: bytes) -> None:
    with pytest.raises(Garbled):
        read(raw)
