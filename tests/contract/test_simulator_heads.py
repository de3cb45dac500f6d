"""Heads that the simulator has read before: the same request as the parser's, or none."""

import pytest

from messaging.local.simulator.heads import Heads
from messaging.local.simulator.requests import Request

HEAD = (
    b"POST /2010-04-01/Accounts/AC1/Messages.json?a=b HTTP/1.1\r\n"
    b"Authorization: Basic abc\r\nContent-Length: 5\r\n\r\n"
)


def parsed(body: bytes = b"Body1", *, keep_alive: bool = True) -> Request:
    """What the parser makes of HEAD and this body."""
    return Request(
        method="POST",
        path="/2010-04-01/Accounts/AC1/Messages.json",
        query="a=b",
        authorization=b"Basic abc",
        body=body,
        keep_alive=keep_alive,
    )


@pytest.fixture
def heads() -> Heads:
    """With HEAD."""
    heads = Heads()
    heads.learn(HEAD + b"Body1", parsed())
    return heads


def test_a_known_head_comes_with_another_body(heads: Heads) -> None:
    assert parsed(b"Body2") == heads.request(HEAD + b"Body2")


@pytest.mark.parametrize(
    "data",
    [
        HEAD,
        HEAD + b"Body",
        HEAD + b"Body1" + HEAD + b"Body2",
        HEAD.replace(b"abc", b"xyz") + b"Body1",
        b"GET" + HEAD[4:] + b"Body1",
        b"Body1",
        b"",
    ],
)
def test_the_parser_reads_parts_of_requests_several_of_them_and_other_heads(
    heads: Heads, data: bytes
) -> None:
    assert heads.request(data) is None


@pytest.mark.parametrize(
    ("data", "request_"),
    [
        (HEAD + b"Body1" + HEAD + b"Body2", parsed(b"Body2")),
        (HEAD + b"Body1", parsed(keep_alive=False)),
        (HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n") + b"Body1", parsed()),
        (HEAD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"Body1", parsed()),
    ],
    ids=["two at once", "the last one", "waiting", "in chunks"],
)
def test_a_head_that_means_more_than_a_length_is_not_learned(
    data: bytes, request_: Request
) -> None:
    heads = Heads()
    heads.learn(data, request_)
    assert heads.request(data) is None
