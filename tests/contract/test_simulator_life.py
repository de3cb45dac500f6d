"""The life of a simulated text: its statuses, its callbacks, its place in the queue."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from messaging.local.simulator import (
    DEFAULT_MESSAGING_SERVICE_SID,
    DEFAULT_NUMBER,
    Config,
    Kind,
    Match,
    Rule,
    Simulator,
)
from tests.contract.simulator_client import LIMIT, TO, Line, admin, client_of, eventually
from tests.contract.simulator_webhook import Webhook, webhook

# Over one connection callbacks arrive in the order in which they were posted.
QUICK = Config(queued_ms=(0, 0), delivered_ms=(0, 0), callback_connections=1)
CALLBACK = "/status?job=7&attempt=1&note=a%20b"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.running(QUICK) as running:
        yield running


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as running:
        yield running


def send(simulator: Simulator, callback: str | None, **fields: Any) -> str:
    """A text through the Messaging Service; returns its SID."""
    given = {"messaging_service_sid": DEFAULT_MESSAGING_SERVICE_SID, "body": "Hello"} | fields
    if callback:
        given["status_callback"] = callback
    return str(client_of(simulator).messages.create(to=TO, **given).sid)


def finished(simulator: Simulator) -> bool:
    """Whether every text has ended and every callback has been answered or given up."""
    summary = admin(simulator, "GET ledger/summary").content
    return bool(summary["unfinished"] == 0 and summary["callbacks"]["waiting"] == 0)


def test_a_service_reports_every_status_after_the_first(
    simulator: Simulator, hook: Webhook
) -> None:
    send(simulator, hook.url + CALLBACK)
    hook.wait(lambda hooks: len(hooks) == 3)
    assert ["queued", "sent", "delivered"] == hook.reported()


def test_a_number_reports_every_status_after_the_first(simulator: Simulator, hook: Webhook) -> None:
    client_of(simulator).messages.create(
        to=TO, from_=DEFAULT_NUMBER, body="Hello", status_callback=hook.url + CALLBACK
    )
    eventually(lambda: finished(simulator))
    assert ["sent", "delivered"] == hook.reported()


def test_sending_is_reported_where_it_is_asked_for(simulator: Simulator, hook: Webhook) -> None:
    simulator.adjust(reported=("sending", "delivered"))
    send(simulator, hook.url + CALLBACK)
    eventually(lambda: finished(simulator))
    assert ["sending", "delivered"] == hook.reported()


def test_a_callback_carries_the_fields_that_twilio_documents(
    simulator: Simulator, hook: Webhook
) -> None:
    sid = send(simulator, hook.url + CALLBACK)
    last = hook.wait(lambda hooks: len(hooks) == 3)[-1]
    done = last.fields.pop("RawDlrDoneDate")
    assert {
        "AccountSid": simulator.config.account_sid,
        "ApiVersion": "2010-04-01",
        "From": DEFAULT_NUMBER,
        "MessageSid": sid,
        "MessageStatus": "delivered",
        "MessagingServiceSid": DEFAULT_MESSAGING_SERVICE_SID,
        "SmsSid": sid,
        "SmsStatus": "delivered",
        "To": TO,
    } == last.fields
    assert f"{datetime.now(UTC):%y%m%d}" == done[:6]


def test_a_callback_keeps_our_query_but_not_the_fragment(
    simulator: Simulator, hook: Webhook
) -> None:
    send(simulator, f"{hook.url}{CALLBACK}#rc=2&rp=all")
    assert CALLBACK == hook.wait(lambda hooks: len(hooks) > 0)[0].path


def test_a_callback_is_signed_as_twilio_signs(simulator: Simulator, hook: Webhook) -> None:
    send(simulator, f"{hook.url}{CALLBACK}#rc=2&rp=all")
    validator: Any = RequestValidator(simulator.config.auth_token)  # type: ignore[no-untyped-call]
    for one in hook.wait(lambda hooks: len(hooks) == 3):
        signature = one.headers["X-Twilio-Signature"]
        assert validator.validate(hook.url + CALLBACK, one.fields, signature)
        assert not validator.validate(hook.url + "/status", one.fields, signature)


def test_credentials_in_the_callback_url_become_basic_authentication(
    simulator: Simulator, hook: Webhook
) -> None:
    send(simulator, hook.url.replace("//", "//user:pass%20word@") + CALLBACK)
    first = hook.wait(lambda hooks: len(hooks) > 0)[0]
    assert "Basic dXNlcjpwYXNzIHdvcmQ=" == first.headers["Authorization"]


def test_a_text_without_a_callback_lives_too(simulator: Simulator) -> None:
    send(simulator, None)
    eventually(lambda: simulator.ledger.messages[0].status == "delivered")


def test_a_service_has_a_callback_of_its_own(hook: Webhook) -> None:
    with Simulator.running(Config(status_callback=f"{hook.url}/service")) as simulator:
        send(simulator, None)
        assert "/service" == hook.wait(lambda hooks: len(hooks) > 0)[0].path


@pytest.mark.parametrize(
    "rule, reported, code",
    [
        (Rule(kind=Kind.UNDELIVERED), ["queued", "sent", "undelivered"], "30003"),
        (Rule(kind=Kind.UNDELIVERED, code=30005), ["queued", "sent", "undelivered"], "30005"),
        (Rule(kind=Kind.FAILED), ["queued", "failed"], "30008"),
        (Rule(kind=Kind.FAILED, code=30007), ["queued", "failed"], "30007"),
    ],
)
def test_a_text_ends_as_a_rule_says(
    simulator: Simulator, hook: Webhook, rule: Rule, reported: list[str], code: str
) -> None:
    simulator.faults.add(rule)
    sid = send(simulator, hook.url + CALLBACK)
    eventually(lambda: finished(simulator))
    assert reported == hook.reported()
    assert code == hook.hooks[-1].fields["ErrorCode"]
    message = client_of(simulator).messages(sid).fetch()
    assert (reported[-1], int(code)) == (message.status, message.error_code)
    assert message.error_message


def test_a_text_can_stay_sent_for_ever(simulator: Simulator, hook: Webhook) -> None:
    simulator.faults.add(Rule(kind=Kind.NEVER_DELIVERED, match=Match(to=TO)))
    send(simulator, hook.url + CALLBACK)
    client_of(simulator).messages.create(to="+15551230002", from_=DEFAULT_NUMBER, body="Hello")
    eventually(lambda: simulator.ledger.messages[1].status == "delivered")
    assert "sent" == simulator.ledger.messages[0].status


def test_a_scheduled_text_goes_out_at_its_time(simulator: Simulator, hook: Webhook) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    sid = send(simulator, hook.url + CALLBACK, schedule_type="fixed", send_at=at)
    simulator.advance(3590)
    assert "scheduled" == client_of(simulator).messages(sid).fetch().status
    simulator.advance(9.9)
    hook.wait(lambda hooks: len(hooks) == 3)
    assert ["queued", "sent", "delivered"] == hook.reported()


def test_a_canceled_text_never_goes_out(simulator: Simulator, hook: Webhook) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    sid = send(simulator, hook.url + CALLBACK, schedule_type="fixed", send_at=at)
    client_of(simulator).messages(sid).update(status="canceled")
    simulator.advance(4000)
    eventually(lambda: finished(simulator))
    assert ["canceled"] == hook.reported()


def test_a_sender_sends_as_many_segments_as_it_may(simulator: Simulator) -> None:
    simulator.adjust(segments_per_second=1.0)
    client = client_of(simulator)
    for body in ("First", "Second"):
        client.messages.create(to=TO, from_=DEFAULT_NUMBER, body=body)
    client.messages.create(to=TO, from_="+15005550010", body="Another sender")
    eventually(lambda: simulator.ledger.messages[2].status == "delivered")
    assert ["delivered", "queued"] == [one.status for one in simulator.ledger.messages[:2]]


def test_a_text_that_would_wait_longer_than_it_is_valid_fails(simulator: Simulator) -> None:
    simulator.adjust(segments_per_second=0.1)
    send(simulator, None)
    send(simulator, None, validity_period=5)
    eventually(lambda: simulator.ledger.messages[1].status == "failed")
    assert 30036 == simulator.ledger.messages[1].error_code


def test_a_sender_whose_queue_is_full_is_refused_or_fails(simulator: Simulator) -> None:
    simulator.adjust(segments_per_second=0.1, longest_queue_ms=1000)
    line = Line(simulator)
    assert 201 == line.create().status
    assert 21611 == line.create().content["code"]
    line.close()
    send(simulator, None)
    eventually(lambda: simulator.ledger.messages[1].status == "failed")
    assert 30001 == simulator.ledger.messages[1].error_code


def refusing_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_callback_that_cannot_connect_is_tried_once_more(simulator: Simulator) -> None:
    simulator.adjust(reported=("delivered",))
    send(simulator, f"http://127.0.0.1:{refusing_port()}/status")
    eventually(lambda: finished(simulator))
    counts = admin(simulator, "GET ledger/summary").content["callbacks"]
    assert {"delivered": 0, "failed": 1, "retried": 1, "waiting": 0} == counts


def test_callbacks_that_wait_for_a_connection_fail_with_it(simulator: Simulator) -> None:
    line = Line(simulator)
    url = f"http://127.0.0.1:{refusing_port()}/status#rc=0"
    for _ in range(20):
        line.create(StatusCallback=url)
    line.close()
    eventually(lambda: finished(simulator))
    assert 40 == admin(simulator, "GET ledger/summary").content["callbacks"]["failed"]


@pytest.mark.parametrize(
    "fragment, tries",
    [("", 1), ("#rc=3", 1), ("#rc=3&rp=4xx", 1), ("#rc=1&rp=5xx", 2), ("#rc=3&rp=all", 4)],
)
def test_a_refused_callback_is_tried_as_often_as_its_fragment_asks(
    simulator: Simulator, hook: Webhook, fragment: str, tries: int
) -> None:
    simulator.adjust(reported=("delivered",))
    hook.statuses += [500] * 10
    send(simulator, f"{hook.url}{CALLBACK}{fragment}")
    eventually(lambda: finished(simulator))
    tokens = {one.headers["I-Twilio-Idempotency-Token"] for one in hook.hooks}
    assert (tries, 1) == (len(hook.hooks), len(tokens))


def test_a_webhook_that_does_not_answer_is_given_up(simulator: Simulator) -> None:
    simulator.adjust(reported=("delivered",))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        send(simulator, f"http://127.0.0.1:{port}/status#rt=100&rp=rt&rc=1")
        eventually(lambda: finished(simulator))
    counts = admin(simulator, "GET ledger/summary").content["callbacks"]
    assert (1, 1) == (counts["failed"], counts["retried"])


def test_many_callbacks_share_few_connections(hook: Webhook) -> None:
    config = Config(queued_ms=(0, 0), delivered_ms=(0, 0), callback_connections=4)
    with Simulator.running(config) as simulator:
        line = Line(simulator)
        for number in range(100):
            line.create(body=f"Text {number}", StatusCallback=hook.url + CALLBACK)
        hook.wait(lambda hooks: len(hooks) == 200)
        threads = [one for one in threading.enumerate() if "process_request" in one.name]
        assert 1 <= len(threads) <= 4
        line.close()


def test_retries_end_with_the_total_time(simulator: Simulator, hook: Webhook) -> None:
    simulator.adjust(reported=("delivered",))
    hook.statuses += [500] * 10
    send(simulator, f"{hook.url}{CALLBACK}#rc=5&rp=5xx&tt=100")
    eventually(lambda: finished(simulator))
    assert 2 >= len(hook.hooks)


def test_a_callback_from_before_a_reset_is_not_tried_again(
    simulator: Simulator, hook: Webhook
) -> None:
    hook.statuses.append(500)
    simulator.adjust(reported=("delivered",))
    before = send(simulator, f"{hook.url}{CALLBACK}#rc=1&rp=5xx")
    eventually(lambda: admin(simulator, "GET ledger/summary").content["callbacks"]["retried"])
    simulator.reset()
    simulator.adjust(reported=("delivered",), delivered_ms=(200, 200))
    after = send(simulator, hook.url + CALLBACK)
    hook.wait(lambda hooks: len(hooks) == 2)
    assert [before, after] == [one.fields["MessageSid"] for one in hook.hooks]


class RawServer:
    """A webhook server whose every byte the test writes itself."""

    def __init__(self, server: socket.socket) -> None:
        server.settimeout(LIMIT)
        self.url = f"http://127.0.0.1:{server.getsockname()[1]}/status"
        self._server = server
        self._connections: list[socket.socket] = []

    def take(self, connection: socket.socket | None, answer: bytes) -> socket.socket:
        """Read a request on this connection, or on a new one, and answer; b"" hangs up."""
        if connection is None:
            connection, _ = self._server.accept()
            connection.settimeout(LIMIT)
            self._connections.append(connection)
        assert connection.recv(65536).startswith(b"POST /status ")
        if answer:
            connection.sendall(answer)
        else:
            connection.close()
        return connection

    def close(self) -> None:
        """Hang up on everybody."""
        for connection in self._connections:
            connection.close()


@pytest.fixture
def raw() -> Iterator[RawServer]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        raw = RawServer(server)
        yield raw
        raw.close()


OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    "script",
    [
        [("new", OK), ("same", OK)],
        [("new", OK), ("same", b""), ("new", OK)],
        [("new", b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"), ("new", OK)],
    ],
)
def test_a_connection_is_used_again_unless_the_webhook_closes_it(
    simulator: Simulator, raw: RawServer, script: list[tuple[str, bytes]]
) -> None:
    simulator.adjust(reported=("delivered",))
    connection = None
    for turn, (which, answer) in enumerate(script):
        if turn < 2:
            eventually(lambda: finished(simulator))
            send(simulator, raw.url)
        connection = raw.take(connection if which == "same" else None, answer)
    eventually(lambda: finished(simulator))
    assert 2 == admin(simulator, "GET ledger/summary").content["callbacks"]["delivered"]
