"""What stands for Twilio in a measurement: it answers as the simulator does, and no sooner than it
is told to."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from messaging.errors import Unreachable
from messaging.local.listening import accepts
from messaging.local.ports import LOOPBACK, any_free
from messaging.local.process import wait_until
from messaging.local.simulator import (
    DEFAULT_ACCOUNT_SID,
    DEFAULT_AUTH_TOKEN,
    DEFAULT_MESSAGING_SERVICE_SID,
    Simulator,
)
from messaging.local.twilio import Twilio

LIMIT = 20.0
TO = "+15551230001"
PATH = f"/2010-04-01/Accounts/{DEFAULT_ACCOUNT_SID}/Messages.json"
SID = re.compile(r"SM[0-9a-f]{32}")
AT_ONCE, LATENCY = timedelta(0), timedelta(milliseconds=60)
_RESET = struct.pack("ii", 1, 0)
"""Linger for no time: closing resets the connection."""


@contextmanager
def process(**environment: str) -> Iterator[tuple[subprocess.Popen[bytes], Twilio]]:
    """The stand-in as a process of its own, once it listens."""
    twilio = Twilio(any_free())
    command = (sys.executable, "-m", "messaging.local.bench.standin", "--port", str(twilio.port))
    with subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.PIPE) as running:
        try:
            assert wait_until(lambda: accepts(twilio.port), limit=LIMIT)
            yield running, twilio
        finally:
            running.kill()


@pytest.fixture(scope="module")
def standing() -> Iterator[Twilio]:
    with process() as (_, twilio):
        yield twilio


@pytest.fixture
def twilio(standing: Twilio) -> Iterator[Twilio]:
    """One for all tests, which answers at once."""
    yield standing
    standing.think(AT_ONCE)


def client_of(twilio: Twilio, token: str = DEFAULT_AUTH_TOKEN) -> Any:
    """The official package, pointed at it."""
    transport = TwilioHttpClient(timeout=LIMIT, pool_connections=False)
    client = Client(DEFAULT_ACCOUNT_SID, token, http_client=transport)  # type: ignore[no-untyped-call]
    client.api.base_url = client.messaging.base_url = twilio.url
    return client


def basic(user: str = DEFAULT_ACCOUNT_SID, password: str = DEFAULT_AUTH_TOKEN) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def written(body: str, path: str = PATH, ending: str = "") -> bytes:
    """A whole request to send a text, head and form in one piece."""
    form = urlencode({"To": TO, "MessagingServiceSid": DEFAULT_MESSAGING_SERVICE_SID, "Body": body})
    return (
        f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: {basic()}\r\n{ending}"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n\r\n"
        f"{form}"
    ).encode()


class Line:
    """A connection that is kept, and on which any bytes may be written."""

    def __init__(self, port: int) -> None:
        self.plug = socket.create_connection((LOOPBACK, port), timeout=LIMIT)
        # Else a second piece would wait until the first one is acknowledged.
        self.plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = self.plug.makefile("rb")

    def send(self, data: bytes) -> None:
        """Write this."""
        self.plug.sendall(data)

    def answer(self) -> tuple[int, Any]:
        """Status and content of the next answer."""
        status = int(self._read.readline().split()[1])
        length = 0
        while (line := self._read.readline()) != b"\r\n":
            name, _, value = line.decode().partition(": ")
            length = int(value) if name.lower() == "content-length" else length
        return status, json.loads(self._read.read(length)) if length else None

    def is_closed(self) -> bool:
        """Whether nothing more comes; waits until that is known."""
        return self._read.read(1) == b""

    def reset(self) -> None:
        """Leave without a farewell."""
        self.plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        """Leave."""
        self._read.close()
        self.plug.close()


@pytest.fixture
def line(twilio: Twilio) -> Iterator[Line]:
    opened = Line(twilio.port)
    yield opened
    opened.close()


def ask(port: int, method: str, path: str, form: str | None = None) -> tuple[HTTPResponse, Any]:
    """An answer to a request with the account's credentials, and its content."""
    connection = HTTPConnection(LOOPBACK, port, timeout=LIMIT)
    try:
        connection.request(method, path, form, {"Authorization": basic()})
        answer = connection.getresponse()
        return answer, json.loads(answer.read())
    finally:
        connection.close()


def sids(twilio: Twilio, words: str) -> dict[str, str]:
    """The SIDs in the ledger of texts with these words, in order, by body."""
    return {text.body: text.sid for text in twilio.ledger(words)}


def kinds(content: Mapping[str, object]) -> dict[str, object]:
    """The types of what is in an answer, by their names, at every depth."""
    return {
        name: kinds(value) if isinstance(value, dict) else type(value)
        for name, value in content.items()
    }


def test_it_answers_as_the_simulator_does(twilio: Twilio) -> None:
    form = urlencode(
        {"To": TO, "MessagingServiceSid": DEFAULT_MESSAGING_SERVICE_SID, "Body": "Hello"}
    )
    with Simulator.running() as simulator:
        port = int(simulator.base_url.rpartition(":")[2])
        expected, full = ask(port, "POST", PATH, form)
    answer, content = ask(twilio.port, "POST", PATH, form)
    assert kinds(full) == kinds(content)
    assert (full["status"], full["uri"].replace(full["sid"], content["sid"])) == (
        content["status"],
        content["uri"],
    )
    lengths = [int(one.headers["Content-Length"]) for one in (expected, answer)]
    assert lengths[0] - len("Hello") == lengths[1]
    del expected.headers["Content-Length"], answer.headers["Content-Length"]
    assert (expected.status, expected.getheaders()) == (answer.status, answer.getheaders())


def test_the_official_package_reads_the_sid(twilio: Twilio) -> None:
    message = client_of(twilio).messages.create(
        to=TO, messaging_service_sid=DEFAULT_MESSAGING_SERVICE_SID, body="Through the package"
    )
    assert SID.fullmatch(message.sid)
    assert {"Through the package": message.sid} == sids(twilio, "Through the package")


@pytest.mark.parametrize(
    ("token", "path", "expected"),
    [
        ("wrong", f"Accounts/{DEFAULT_ACCOUNT_SID}/Messages.json", (401, 20003)),
        (DEFAULT_AUTH_TOKEN, f"Accounts/AC{'1' * 32}/Messages.json", (401, 20003)),
        ("wrong", f"Accounts/{DEFAULT_ACCOUNT_SID}/Calls.json", (401, 20003)),
        (DEFAULT_AUTH_TOKEN, f"Accounts/{DEFAULT_ACCOUNT_SID}/Calls.json", (404, 20404)),
    ],
)
def test_what_is_no_text_of_the_account_is_refused(
    twilio: Twilio, token: str, path: str, expected: tuple[int, int]
) -> None:
    before = ask(twilio.port, "GET", "/_simulator/ledger/summary")[1]
    client = client_of(twilio, token)
    answer = client.request("POST", f"{twilio.url}/2010-04-01/{path}", data={"To": TO})
    assert expected == (answer.status_code, json.loads(answer.text)["code"])
    after = ask(twilio.port, "GET", "/_simulator/ledger/summary")[1]
    assert (1, 0) == tuple(after[name] - before[name] for name in ("requests", "accepted"))


def test_wrong_credentials_are_an_error_of_the_package(twilio: Twilio) -> None:
    with pytest.raises(TwilioRestException) as error:
        client_of(twilio, "wrong").messages.create(to=TO, from_=TO, body="Hello")
    assert (401, 20003) == (error.value.status, error.value.code)


def test_only_heads_of_texts_that_are_taken_are_known(line: Line) -> None:
    request = written("A head that is known")
    wrong = request.replace(basic().encode(), basic(password="0" * 32).encode())
    elsewhere = request.replace(b"Messages.json", b"Letters.json")
    for data, status in ((request, 201), (wrong, 401), (elsewhere, 404)):
        for _ in range(3):
            line.send(data)
            assert status == line.answer()[0]


def test_no_credentials_at_all_are_refused(line: Line) -> None:
    line.send(f"GET {PATH} HTTP/1.1\r\n\r\n".encode())
    assert (401, 20003) == ((answer := line.answer())[0], answer[1]["code"])


@pytest.mark.parametrize("latency", [AT_ONCE, LATENCY])
def test_requests_that_come_together_are_answered_in_order(
    twilio: Twilio, line: Line, latency: timedelta
) -> None:
    words = f"Together at {latency}"
    twilio.think(latency)
    first, known, last = (f"{words}, number {n}" for n in range(3))
    line.send(written(first))
    line.send(written(known))
    line.send(written("nobody's", path="/nowhere") + written(last))
    answers = [line.answer() for _ in range(4)]
    assert [201, 201, 404, 201] == [status for status, _ in answers]
    found = [content.get("sid") for _, content in answers]
    ledger = sids(twilio, words)
    assert [ledger[first], ledger[known], None, ledger[last]] == found


@pytest.mark.parametrize("pieces", [2, 7])
def test_a_request_in_pieces_is_put_together(twilio: Twilio, line: Line, pieces: int) -> None:
    body = f"In {pieces} pieces & whole"
    data = written(body)
    line.send(data)
    whole = line.answer()[1]["sid"]
    for n in range(pieces):
        line.send(data[n * len(data) // pieces : (n + 1) * len(data) // pieces])
    in_pieces = line.answer()[1]["sid"]
    assert [whole, in_pieces] == [text.sid for text in twilio.ledger(body)]


def test_a_text_in_the_body_of_another_one_is_none(twilio: Twilio, line: Line) -> None:
    inner = written("A text within a text")
    line.send(inner)
    line.answer()
    head = f"POST {PATH} HTTP/1.1\r\nAuthorization: {basic()}\r\nExpect: 100-continue\r\n"
    line.send(f"{head}Content-Length: {len(inner)}\r\n\r\n".encode())
    assert (100, None) == line.answer()
    line.send(inner)
    assert 201 == line.answer()[0]
    assert [TO, ""] == [text.to for text in twilio.ledger("A text within a text")]


def test_a_body_in_chunks_is_put_together(twilio: Twilio, line: Line) -> None:
    head, _, form = written("Chunk after chunk").partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    chunks = [form[:10], form[10:], b""]
    line.send(head + b"\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks))
    assert {"Chunk after chunk": line.answer()[1]["sid"]} == sids(twilio, "Chunk after chunk")


def test_every_sid_is_another_one(line: Line) -> None:
    found = set()
    for n in range(300):
        line.send(written(f"Number {n} of many"))
        found.add(line.answer()[1]["sid"])
    assert (300, []) == (len(found), [sid for sid in found if not SID.fullmatch(sid)])


def test_an_answer_waits_and_its_text_counts_from_when_it_came_in(
    twilio: Twilio, line: Line
) -> None:
    twilio.think(LATENCY)
    bodies, waited = [f"Somebody waits, time {n}" for n in range(3)], []
    for body in bodies:
        began = time.monotonic()
        line.send(written(body))
        line.answer()
        waited.append((time.monotonic() - began, time.time()))
    assert [] == [seconds for seconds, _ in waited if seconds < LATENCY.total_seconds()]
    came = {text.body: text.at for text in twilio.ledger("Somebody waits")}
    lags = [at - came[body] for body, (_, at) in zip(bodies, waited, strict=True)]
    assert [] == [lag for lag in lags if lag < LATENCY.total_seconds()]


def test_who_asks_while_an_earlier_answer_waits_for_longer_gets_it_after_that(
    twilio: Twilio, line: Line
) -> None:
    twilio.think(timedelta(milliseconds=300))
    change = json.dumps({"latency_ms": 0})
    began = time.monotonic()
    line.send(written("Of two, one that waits for long"))
    line.send(f"PUT /_simulator/config HTTP/1.1\r\nContent-Length: {len(change)}\r\n\r\n".encode())
    line.send(change.encode() + written("Of two, one that does not"))
    answers = [line.answer() for _ in range(3)]
    assert 0.3 <= time.monotonic() - began
    assert [201, 200, 201] == [status for status, _ in answers]
    found = [content["sid"] for _, content in answers if "sid" in content]
    assert [text.sid for text in twilio.ledger("Of two, one that")] == found


def test_the_ledger_comes_in_pages_and_is_filtered_by_words(twilio: Twilio, line: Line) -> None:
    bodies = [f"Page {n}, café & more: 100%" for n in range(5)]
    for body in [*bodies, "100% & café, more Page"]:
        line.send(written(body))
        line.answer()
    pages, after = [], -1
    while after is not None:
        wishes = urlencode({"body": ", café & more: 100%", "after": after, "limit": 2})
        content = ask(twilio.port, "GET", f"/_simulator/ledger?{wishes}")[1]
        pages.append([text["body"] for text in content["messages"]])
        after = content["next_after"]
    assert [bodies[:2], bodies[2:4], bodies[4:]] == pages


def test_the_ledger_reads_a_text_as_the_simulators_does(twilio: Twilio) -> None:
    fields = {
        "To": "+1 (555) 123-0002",
        "MessagingServiceSid": DEFAULT_MESSAGING_SERVICE_SID,
        "Body": "Read later " * 20,
        "StatusCallback": "http://127.0.0.1:9/status?job=17&attempt=2",
    }
    with Simulator.running() as simulator:
        full = Twilio(int(simulator.base_url.rpartition(":")[2]))
        entries = []
        for one in (full, twilio):
            ask(one.port, "POST", PATH, urlencode(fields))
            wishes = urlencode({"body": "Read later"})
            (entry,) = ask(one.port, "GET", f"/_simulator/ledger?{wishes}")[1]["messages"]
            entries.append(entry)
    assert list(entries[0]) == list(entries[1])
    same = ("to", "body", "job", "attempt", "segments", "messaging_service_sid", "direction")
    assert [entries[0][name] for name in same] == [entries[1][name] for name in same]


@pytest.mark.parametrize("leave", [Line.close, Line.reset])
def test_a_client_that_leaves_before_its_answer_breaks_nothing(
    twilio: Twilio, line: Line, leave: Any
) -> None:
    words = f"Gone by {leave.__name__}"
    twilio.think(LATENCY)
    gone = Line(twilio.port)
    gone.send(written(f"{words}, one") + written(f"{words}, two"))
    assert wait_until(lambda: len(sids(twilio, words)) == 2, limit=LIMIT)
    gone.send(written(f"{words}, the third"))
    leave(gone)
    for n in range(3):
        line.send(written(f"{words}, who stays {n}"))
        assert 201 == line.answer()[0]


def test_what_is_no_http_closes_the_connection(line: Line) -> None:
    line.send(b"EHLO there\r\n\r\n")
    assert line.is_closed()


@pytest.mark.parametrize("latency", [AT_ONCE, LATENCY])
def test_who_wants_the_connection_closed_gets_the_answer_before(
    twilio: Twilio, line: Line, latency: timedelta
) -> None:
    twilio.think(latency)
    line.send(written("The last one", ending="Connection: close\r\n"))
    assert 201 == line.answer()[0]
    assert line.is_closed()


def test_it_refuses_to_do_what_only_the_simulator_can(twilio: Twilio) -> None:
    with pytest.raises(Unreachable, match="400"):
        twilio.admit(5)
    with pytest.raises(Unreachable, match="404"):
        twilio.release()


def test_credentials_come_from_the_environment() -> None:
    account, token = f"AC{'1' * 32}", "2" * 32
    path = f"/2010-04-01/Accounts/{account}/Messages.json"
    with process(TWILIO_ACCOUNT_SID=account, TWILIO_AUTH_TOKEN=token) as (_, twilio):
        line = Line(twilio.port)
        request = written("Hello", path)
        line.send(request.replace(basic().encode(), basic(account, token).encode()))
        line.send(request)
        assert [201, 401] == [line.answer()[0] for _ in range(2)]
        line.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to_although_somebody_waits(number: signal.Signals) -> None:
    with process() as (running, twilio):
        twilio.think(timedelta(hours=1))
        line = Line(twilio.port)
        line.send(written("Hello"))
        running.send_signal(number)
        assert (0, b"") == (running.wait(LIMIT), running.stderr and running.stderr.read())
        assert line.is_closed()
        line.close()
