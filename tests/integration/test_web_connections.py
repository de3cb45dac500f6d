"""Clients that send slowly, nothing, or too much: they keep a place for seconds, nobody waits."""

import selectors
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress

import pytest

from messaging.local.ports import LOOPBACK
from tests.integration.web_server import PUBLIC, STATUS, TOKEN, Web, headers, web_process

PLACES = 60
HEAD = f"POST {STATUS} HTTP/1.1\r\nHost: a\r\n".encode()
ASKED = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web process with few places, and nothing else that it needs."""
    with web_process(
        tmp_path_factory.mktemp("web"),
        files=str(200 + PLACES),
        DATABASE_URL="postgresql://postgres@127.0.0.1:1/postgres",
        TWILIO_AUTH_TOKEN=TOKEN,
        PUBLIC_BASE_URL=PUBLIC,
    ) as process:
        yield process


def opened(web: Web, *, most_unread: int | None = None) -> socket.socket:
    """A connection of a client that keeps so few bytes before it reads them."""
    client = socket.socket()
    if most_unread:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, most_unread)
    client.settimeout(20)
    client.connect((LOOPBACK, web.port))
    return client


def said(client: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    parts = []
    try:
        while part := client.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def status(answer: bytes) -> bytes:
    """The status of the last answer; empty where there was none."""
    return answer.rpartition(b"HTTP/1.1 ")[2][:3]


SLOW: Mapping[str, tuple[bytes, bytes, bytes]] = {
    "says nothing": (b"", b"", b"408"),
    "sends its head slowly": (HEAD, b"X-A: b\r\n", b"408"),
    "sends one header slowly": (HEAD + b"X-A: ", b"b", b"408"),
    "sends empty lines": (b"", b"\r\n", b"408"),
    "sends its body slowly": (HEAD + FORM, b"a", b"408"),
    "sends its second head slowly": (ASKED + HEAD, b"X-A: b\r\n", b"408"),
    "asks once and no more": (ASKED, b"", b"200"),
}
"""What a client sends at first, what it sends again and again, and how the last answer begins."""


def test_nobody_keeps_a_place_by_being_slow(web: Web) -> None:
    """All at the same time: each is sent away, at last."""
    with ExitStack() as stack:
        clients = {name: stack.enter_context(opened(web)) for name in SLOW}
        for name, client in clients.items():
            client.sendall(SLOW[name][0])
        ended = drip(clients, limit=25)
    assert {name: SLOW[name][2] for name in SLOW} == {n: status(a) for n, a in ended.items()}


def drip(clients: Mapping[str, socket.socket], limit: float) -> dict[str, bytes]:
    """Sends a little to each client's server each second until it ends the connection; the answers.

    One that does not end it within the limit is missing.
    """
    answers = dict.fromkeys(clients, b"")
    ended: dict[str, bytes] = {}
    deadline = time.monotonic() + limit
    with selectors.DefaultSelector() as ready:
        for name, client in clients.items():
            ready.register(client, selectors.EVENT_READ, name)
        while len(ended) < len(clients) and time.monotonic() < deadline:
            tick = time.monotonic() + 1
            while (left := tick - time.monotonic()) > 0 and len(ended) < len(clients):
                for key, _ in ready.select(left):
                    name = str(key.data)
                    if part := received(clients[name]):
                        answers[name] += part
                    else:
                        ready.unregister(key.fileobj)
                        ended[name] = answers[name]
            for name in clients.keys() - ended.keys():
                attempt(clients[name], SLOW[name][1])
    return ended


def received(client: socket.socket) -> bytes:
    """The next bytes; none where the connection has ended."""
    try:
        return client.recv(65536)
    except ConnectionError:
        return b""


def attempt(client: socket.socket, data: bytes) -> None:
    """Sends, unless the other side has ended the connection."""
    with suppress(ConnectionError):
        client.sendall(data)


def test_who_does_not_read_its_answers_is_sent_away(web: Web) -> None:
    with opened(web, most_unread=2048) as client:
        client.settimeout(0.2)
        deadline = time.monotonic() + 20
        gone = False
        while not gone and time.monotonic() < deadline:
            try:
                client.sendall(ASKED)
            except TimeoutError:
                continue
            except ConnectionError:
                gone = True
        assert gone


LARGE = {
    "one header": HEAD + b"X-A: " + b"b" * 1_000_000,
    "many headers": HEAD + b"X-A: b\r\n" * 100_000,
    "a long path": b"GET /" + b"a" * 1_000_000,
    "many small headers at once": HEAD + b"A:\r\n" * 14_000 + b"\r\n",
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_head_is_refused(web: Web, name: str) -> None:
    with opened(web) as client:
        attempt(client, LARGE[name])
        assert status(said(client)) in (b"431", b"")
    assert "alive\n" == web.get("/livez").text


def test_requests_far_ahead_of_the_answers_are_refused(web: Web) -> None:
    with opened(web) as client:
        attempt(client, ASKED * 5_000)
        assert said(client).count(b"HTTP/1.1 200") <= 100


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"{}" * 100])
def test_what_is_no_http_is_refused(web: Web, garbage: bytes) -> None:
    with opened(web) as client:
        client.sendall(garbage)
        assert b"400" == status(said(client))


def test_a_crowd_that_says_nothing_keeps_nobody_out(web: Web) -> None:
    """Each newcomer takes the place of the one that was waited for longest."""
    with ExitStack() as stack:
        crowd = [stack.enter_context(opened(web)) for _ in range(3 * PLACES)]
        assert "alive\n" == web.get("/livez").text
        assert b"" == said(crowd[0])
        crowd[-1].sendall(ASKED)
        assert b"200" == status(crowd[-1].recv(65536))


def test_a_client_that_goes_amid_its_body_is_no_error_of_ours(web: Web) -> None:
    with opened(web) as client:
        client.sendall(HEAD + FORM + b"a")
    assert "alive\n" == web.get("/livez").text


def test_an_upgrade_is_answered_as_any_request(web: Web) -> None:
    with opened(web) as client:
        client.sendall(ASKED[:-2] + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n")
        assert b"200" == status(said(client))


def test_the_log_is_not_theirs_to_fill(web: Web) -> None:
    """The last one of this file: what all of them did is a line for each reason."""
    for _ in range(50):
        web.post(STATUS, b"a=b", headers("wrong"))
    lines = web.log.read_text().splitlines()
    assert 1 == sum("not signed by Twilio" in line for line in lines)
    assert len(lines) < 20, "\n".join(lines)
    assert not any("Traceback" in line for line in lines)
