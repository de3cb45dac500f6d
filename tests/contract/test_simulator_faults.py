"""Faults on demand: what a client sees of each, and that the seed decides whom they hit."""

import http.client
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from messaging.local.simulator import (
    DEFAULT_NUMBER,
    Call,
    Config,
    Kind,
    Match,
    Rule,
    Simulator,
)
from tests.contract.simulator_client import TO, Line, admin, client_of, eventually
from tests.contract.simulator_webhook import Webhook, webhook

QUICK = Config(queued_ms=(0, 0), delivered_ms=(0, 0), callback_connections=1)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.running(QUICK) as running:
        yield running


@pytest.fixture
def line(simulator: Simulator) -> Iterator[Line]:
    line = Line(simulator)
    yield line
    line.close()


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as running:
        yield running


def accepted(simulator: Simulator) -> int:
    return simulator.ledger.summary().accepted


def send(simulator: Simulator) -> Any:
    return client_of(simulator).messages.create(to=TO, from_=DEFAULT_NUMBER, body="Hello")


@pytest.mark.parametrize(
    "rule, status, code, recorded",
    [
        (Rule(kind=Kind.TOO_MANY_REQUESTS), 429, 20429, 0),
        (Rule(kind=Kind.ERROR_BEFORE), 500, 20500, 0),
        (Rule(kind=Kind.ERROR_BEFORE, http_status=503), 503, 20503, 0),
        (Rule(kind=Kind.ERROR_AFTER), 500, 20500, 1),
        (Rule(kind=Kind.ERROR_AFTER, http_status=502), 502, 20500, 1),
        (Rule(kind=Kind.REJECT), 400, 21211, 0),
        (Rule(kind=Kind.REJECT, code=30034), 400, 30034, 0),
        (Rule(kind=Kind.REJECT, code=20003), 401, 20003, 0),
    ],
)
def test_an_error_is_answered_before_or_after_accepting(
    simulator: Simulator, rule: Rule, status: int, code: int, recorded: int
) -> None:
    simulator.faults.add(rule)
    with pytest.raises(TwilioRestException) as error:
        send(simulator)
    assert (status, code) == (error.value.status, error.value.code)
    assert recorded == accepted(simulator)


@pytest.mark.parametrize("wait, header", [(1, "1"), (30, "30"), (None, None)])
def test_too_many_requests_say_when_to_come_back(
    simulator: Simulator, line: Line, wait: int | None, header: str | None
) -> None:
    simulator.faults.add(Rule(kind=Kind.TOO_MANY_REQUESTS, retry_after=wait))
    assert header == line.create().headers.get("Retry-After")


def test_a_request_that_is_not_in_order_gets_its_own_error(
    simulator: Simulator, line: Line
) -> None:
    simulator.faults.add(Rule(kind=Kind.ERROR_AFTER))
    assert 21604 == line.create(to="").content["code"]


def test_a_slow_answer_comes_after_the_text_was_accepted(simulator: Simulator) -> None:
    simulator.faults.add(Rule(kind=Kind.SLOW, delay_ms=60_000))
    with pytest.raises(requests.Timeout):
        client_of(simulator, timeout=0.05).messages.create(
            to=TO, from_=DEFAULT_NUMBER, body="Hello"
        )
    assert 1 == accepted(simulator)


@pytest.mark.parametrize("kind, recorded", [(Kind.RESET_BEFORE, 0), (Kind.RESET_AFTER, 1)])
def test_a_connection_is_reset_before_or_after_accepting(
    simulator: Simulator, line: Line, kind: Kind, recorded: int
) -> None:
    simulator.faults.add(Rule(kind=kind))
    with pytest.raises(ConnectionResetError) as error:
        line.create()
    # A connection that is closed in good order would be a RemoteDisconnected, its subclass.
    assert error.type is ConnectionResetError
    assert recorded == accepted(simulator)


def test_an_answer_is_cut_off_in_the_middle(simulator: Simulator, line: Line) -> None:
    simulator.faults.add(Rule(kind=Kind.TRUNCATE))
    with pytest.raises(http.client.IncompleteRead) as error:
        line.create()
    assert (1, True) == (accepted(simulator), 0 < len(error.value.partial))


def test_an_answer_lacks_the_sid(simulator: Simulator, line: Line) -> None:
    simulator.faults.add(Rule(kind=Kind.NO_SID))
    answer = line.create()
    assert (201, False, "queued") == (
        answer.status,
        "sid" in answer.content,
        answer.content["status"],
    )
    assert 1 == accepted(simulator)


@pytest.mark.parametrize(
    "kind, stage, recorded",
    [
        (Kind.HANG_BEFORE, "before", 0),
        (Kind.HANG_AFTER, "after", 1),
        (Kind.HANG_MIDWAY, "midway", 1),
    ],
)
class TestAHangingRequest:
    def test_is_held_until_it_is_released(
        self, simulator: Simulator, line: Line, kind: Kind, stage: str, recorded: int
    ) -> None:
        simulator.faults.add(Rule(kind=kind))
        answers = []
        thread = threading.Thread(target=lambda: answers.append(line.create()))
        thread.start()
        eventually(lambda: simulator.holds.held)
        (held,) = simulator.holds.held
        assert (stage, TO, recorded, []) == (held.stage, held.to, accepted(simulator), answers)
        assert 1 == simulator.release()
        thread.join()
        assert [201] == [one.status for one in answers]
        assert (1, ()) == (accepted(simulator), simulator.holds.held)

    def test_ends_when_its_client_goes(
        self, simulator: Simulator, kind: Kind, stage: str, recorded: int
    ) -> None:
        simulator.faults.add(Rule(kind=kind))
        hasty = Line(simulator, timeout=0.05)
        with pytest.raises(TimeoutError):
            hasty.create()
        hasty.close()
        eventually(lambda: not simulator.holds.held)
        assert recorded == accepted(simulator)


def test_half_of_an_answer_is_there_while_the_rest_hangs(simulator: Simulator) -> None:
    simulator.faults.add(Rule(kind=Kind.HANG_MIDWAY))
    with pytest.raises(requests.RequestException):
        client_of(simulator, timeout=0.05).messages.create(
            to=TO, from_=DEFAULT_NUMBER, body="Hello"
        )
    assert 1 == accepted(simulator)


def test_a_fault_hits_the_call_that_it_names(simulator: Simulator) -> None:
    simulator.faults.add(Rule(kind=Kind.ERROR_BEFORE, call=Call.LIST))
    client = client_of(simulator)
    sid = send(simulator).sid
    assert sid == client.messages(sid).fetch().sid
    with pytest.raises(Exception, match="Unable to fetch page"):
        client.messages.list()
    simulator.faults.add(Rule(kind=Kind.ERROR_BEFORE, call=Call.ANY))
    with pytest.raises(TwilioRestException):
        client.messages(sid).fetch()


@pytest.mark.parametrize(
    "match, hit",
    [
        (Match(to=TO), True),
        (Match(to="+15551230002"), False),
        (Match(to_prefix="+1555"), True),
        (Match(to_prefix="+44"), False),
        (Match(body="ell"), True),
        (Match(body="Bye"), False),
        (Match(sender=DEFAULT_NUMBER), True),
        (Match(sender="+15005550010"), False),
        (Match(to=TO, body="Bye"), False),
    ],
)
def test_a_fault_hits_what_it_matches(
    simulator: Simulator, line: Line, match: Match, hit: bool
) -> None:
    simulator.faults.add(Rule(kind=Kind.ERROR_BEFORE, match=match))
    assert hit == (line.create().status == 500)


def test_a_fault_lets_some_pass_and_ends_after_some_hits(simulator: Simulator, line: Line) -> None:
    simulator.faults.add(Rule(kind=Kind.ERROR_BEFORE, after=2, count=1))
    assert [201, 201, 500, 201] == [line.create().status for _ in range(4)]


def test_the_first_rule_that_hits_decides(simulator: Simulator, line: Line) -> None:
    simulator.faults.add(Rule(kind=Kind.ERROR_BEFORE, count=1))
    simulator.faults.add(Rule(kind=Kind.REJECT, code=21610))
    assert [500, 400] == [line.create().status for _ in range(2)]


def hits(seed: int, numbers: list[int]) -> set[int]:
    """Which of the texts are hit by a rule that hits a third."""
    rules = (Rule(kind=Kind.ERROR_BEFORE, share=1 / 3),)
    with Simulator.running(Config(seed=seed, faults=rules)) as simulator:
        line = Line(simulator)
        found = {one for one in numbers if line.create(body=f"Text {one}").status == 500}
        line.close()
        return found


def test_the_seed_decides_whom_a_fault_hits_in_whatever_order_they_come() -> None:
    numbers = list(range(300))
    first = hits(1, numbers)
    assert first == hits(1, numbers[::-1])
    assert first != hits(2, numbers)
    assert 70 < len(first) < 130


def test_a_repeated_text_gets_a_new_chance(simulator: Simulator, line: Line) -> None:
    simulator.faults.add(Rule(kind=Kind.ERROR_BEFORE, share=0.5))
    assert {201, 500} == {line.create().status for _ in range(30)}


def test_a_text_is_not_listed_at_once(simulator: Simulator) -> None:
    simulator.faults.add(Rule(kind=Kind.LIST_LAG, delay_ms=60_000))
    client = client_of(simulator)
    sid = send(simulator).sid
    assert ([], sid) == (client.messages.list(), client.messages(sid).fetch().sid)
    simulator.advance(61)
    assert [sid] == [one.sid for one in client.messages.list()]


@pytest.mark.parametrize(
    "rule, reported",
    [
        (Rule(kind=Kind.CALLBACK_LOST, match=Match(status="sent")), ["delivered"]),
        (Rule(kind=Kind.CALLBACK_DOUBLED), ["sent", "sent", "delivered", "delivered"]),
        (Rule(kind=Kind.CALLBACK_REORDERED, delay_ms=60_000), ["delivered", "sent"]),
        (
            Rule(kind=Kind.CALLBACK_DELAYED, match=Match(status="sent"), delay_ms=50),
            ["delivered", "sent"],
        ),
    ],
)
def test_callbacks_go_wrong(
    simulator: Simulator, line: Line, hook: Webhook, rule: Rule, reported: list[str]
) -> None:
    simulator.faults.add(rule)
    line.create(StatusCallback=hook.url)
    hook.wait(lambda hooks: len(hooks) == len(reported))
    eventually(lambda: admin(simulator, "GET ledger/summary").content["callbacks"]["waiting"] == 0)
    assert reported == hook.reported()


def test_a_reordered_callback_comes_at_last_where_none_follows(
    simulator: Simulator, line: Line, hook: Webhook
) -> None:
    simulator.faults.add(Rule(kind=Kind.NEVER_DELIVERED))
    simulator.faults.add(Rule(kind=Kind.CALLBACK_REORDERED, delay_ms=20))
    line.create(StatusCallback=hook.url)
    hook.wait(lambda hooks: len(hooks) == 1)
    assert ["sent"] == hook.reported()


def test_more_requests_at_once_than_allowed_are_refused(simulator: Simulator, line: Line) -> None:
    simulator.adjust(concurrent_requests=1)
    simulator.faults.add(Rule(kind=Kind.HANG_AFTER, count=1))
    other = Line(simulator)
    thread = threading.Thread(target=other.create)
    thread.start()
    eventually(lambda: simulator.holds.held)
    assert (429, 20429) == (line.create().status, line.create().content["code"])
    simulator.release()
    thread.join()
    eventually(lambda: line.create().status == 201)
    other.close()


def test_every_request_waits_for_the_latency(simulator: Simulator, line: Line) -> None:
    simulator.adjust(latency_ms=30)
    began = time.monotonic()
    line.create()
    assert 0.03 <= time.monotonic() - began


def test_requests_that_come_at_once_on_one_connection_are_answered_in_order(
    simulator: Simulator, line: Line
) -> None:
    simulator.faults.add(Rule(kind=Kind.SLOW, delay_ms=20, match=Match(body="First")))
    assert ["First", "Second"] == line.create_at_once(["First", "Second"])
