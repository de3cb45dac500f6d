"""The simulator's admin API: ledger, faults, holds, inbound texts, clock, configuration."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from messaging.local.simulator import DEFAULT_NUMBER, Config, Kind, Rule, Simulator
from messaging.local.simulator.connection import Connection
from messaging.local.simulator.exchange import open_exchange
from messaging.local.simulator.heads import Heads
from messaging.local.simulator.serving import serve
from tests.contract.simulator_client import TO, Answer, Line, admin, client_of, eventually
from tests.contract.simulator_webhook import webhook

QUICK = Config(queued_ms=(0, 0), delivered_ms=(0, 0))
NOWHERE = "http://127.0.0.1:9/status"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.running(QUICK) as running:
        yield running


@pytest.fixture
def line(simulator: Simulator) -> Iterator[Line]:
    line = Line(simulator)
    yield line
    line.close()


def bodies(answer: Answer) -> list[str]:
    return [one["body"] for one in answer.content["messages"]]


def test_health_needs_no_credentials(simulator: Simulator) -> None:
    answer = admin(simulator, "GET health")
    assert (200, "ok", simulator.config.account_sid) == (
        answer.status,
        answer.content["status"],
        answer.content["account_sid"],
    )


def test_the_ledger_shows_what_was_accepted_and_for_whom(simulator: Simulator, line: Line) -> None:
    line.create(to="")
    sid = line.create(StatusCallback=f"{NOWHERE}?job=j-1&attempt=2#rc=0").content["sid"]
    (entry,) = admin(simulator, "GET ledger").content["messages"]
    shown = {name: entry[name] for name in ("number", "request", "sid", "to", "from", "body")}
    assert {
        "number": 0,
        "request": 2,
        "sid": sid,
        "to": TO,
        "from": DEFAULT_NUMBER,
        "body": "Hello",
    } == shown
    assert ("j-1", "2", True) == (entry["job"], entry["attempt"], "created_at" in entry)


def test_the_ledger_comes_in_pages(simulator: Simulator, line: Line) -> None:
    for number in range(5):
        line.create(body=f"Text {number}")
    first = admin(simulator, "GET ledger?limit=3")
    last = admin(simulator, f"GET ledger?limit=3&after={first.content['next_after']}")
    assert [f"Text {number}" for number in range(5)] == bodies(first) + bodies(last)
    assert last.content["next_after"] is None


@pytest.mark.parametrize(
    "query, found",
    [
        ("to=%2B15551230002", ["Two"]),
        ("from=%2B15005550010", ["Three"]),
        ("body=wo", ["Two"]),
        ("job=1", ["One", "Two"]),
        ("job=1&to=%2B15551230002", ["Two"]),
        ("status=delivered", ["One", "Two", "Three", "One"]),
        ("status=failed", []),
        ("repeated=text", ["One", "One"]),
        ("repeated=job", ["One", "Two"]),
        ("direction=inbound", []),
    ],
)
def test_the_ledger_is_filtered(
    simulator: Simulator, line: Line, query: str, found: list[str]
) -> None:
    line.create(body="One", StatusCallback=f"{NOWHERE}?job=1#rc=0")
    line.create(body="Two", StatusCallback=f"{NOWHERE}?job=1#rc=0", to="+15551230002")
    line.create(body="Three", From="+15005550010")
    line.create(body="One")
    eventually(lambda: simulator.ledger.summary().unfinished == 0)
    assert found == bodies(admin(simulator, f"GET ledger?{query}"))


def test_the_summary_counts(simulator: Simulator, line: Line) -> None:
    simulator.faults.add(Rule(kind=Kind.FAILED, count=1))
    for _ in range(3):
        line.create(StatusCallback=f"{NOWHERE}?job=1#rc=0")
    line.create(to="")
    eventually(lambda: simulator.ledger.summary().unfinished == 0)
    eventually(lambda: admin(simulator, "GET ledger/summary").content["callbacks"]["waiting"] == 0)
    assert {
        "requests": 4,
        "accepted": 3,
        "inbound": 0,
        "by_status": {"delivered": 2, "failed": 1},
        "unfinished": 0,
        "repeated_texts": 1,
        "repeated_jobs": 1,
        "callbacks": {"delivered": 0, "failed": 5, "retried": 0, "waiting": 0},
        "busy": 0,
    } == admin(simulator, "GET ledger/summary").content


def test_faults_are_added_shown_and_removed(simulator: Simulator, line: Line) -> None:
    rule = {"kind": "error_before", "count": 1, "match": {"to_prefix": "+1555"}}
    added = admin(simulator, "POST faults", rule)
    assert (201, 1, 0) == (added.status, added.content["id"], added.content["hits"])
    assert 500 == line.create().status
    (shown,) = admin(simulator, "GET faults").content["faults"]
    assert (1, 1, "+1555") == (shown["met"], shown["hits"], shown["match"]["to_prefix"])
    assert 204 == admin(simulator, "DELETE faults/1").status
    assert 404 == admin(simulator, "DELETE faults/1").status
    assert [] == admin(simulator, "GET faults").content["faults"]


def test_all_faults_are_removed_at_once(simulator: Simulator) -> None:
    for _ in range(2):
        admin(simulator, "POST faults", {"kind": "truncate"})
    admin(simulator, "DELETE faults")
    assert [] == admin(simulator, "GET faults").content["faults"]


@pytest.mark.parametrize(
    "rule, said",
    [
        ({}, "kind"),
        ({"kind": "explode"}, "kind"),
        ({"kind": "slow", "share": 1.5}, "share"),
        ({"kind": "slow", "count": 0}, "count"),
        ({"kind": "slow", "typo": 1}, "typo"),
        ({"kind": "slow", "match": {"too": "+1"}}, "match.too"),
        ([], "body"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    simulator: Simulator, rule: object, said: str
) -> None:
    answer = admin(simulator, "POST faults", rule)
    assert (400, True) == (answer.status, answer.content["error"].startswith(said))


def test_requests_that_hang_are_shown_and_released(simulator: Simulator, line: Line) -> None:
    admin(simulator, "POST faults", {"kind": "hang_after"})
    thread = threading.Thread(target=line.create)
    thread.start()
    eventually(lambda: admin(simulator, "GET holds").content["holds"])
    (held,) = admin(simulator, "GET holds").content["holds"]
    assert ("after", TO, "Hello") == (held["stage"], held["to"], held["body"])
    assert 404 == admin(simulator, "POST release/99").status
    assert {"released": 1} == admin(simulator, f"POST release/{held['id']}").content
    thread.join()
    assert {"released": 0} == admin(simulator, "POST release").content


def test_an_inbound_text_is_taken_in(simulator: Simulator) -> None:
    with webhook() as hook:
        text = {"sender": TO, "body": "STOP", "url": hook.url}
        answer = admin(simulator, "POST inbound", text)
    assert (201, 204, "STOP") == (
        answer.status,
        answer.content["outcome"]["status"],
        hook.hooks[0].fields["Body"],
    )
    assert [] != admin(simulator, "GET blocks").content["blocks"]


def test_an_inbound_text_without_a_sender_is_refused(simulator: Simulator) -> None:
    answer = admin(simulator, "POST inbound", {"body": "Hi"})
    assert (400, True) == (answer.status, answer.content["error"].startswith("sender"))


def test_the_clock_is_put_forward(simulator: Simulator, line: Line) -> None:
    before = admin(simulator, "POST advance", {"seconds": 0}).content["now"]
    after = admin(simulator, "POST advance", {"seconds": 3600}).content["now"]
    assert 3600 <= after - before < 3700


def test_settings_change_while_running(simulator: Simulator) -> None:
    simulator.faults.add(Rule(kind=Kind.SLOW))
    changed = admin(simulator, "PUT config", {"latency_ms": 5, "queued_ms": [1, 2]})
    assert (200, 5, [1, 2]) == (
        changed.status,
        changed.content["latency_ms"],
        changed.content["queued_ms"],
    )
    assert (5, (1, 2)) == (simulator.config.latency_ms, simulator.config.queued_ms)


def test_settings_can_be_changed_where_faults_are_configured() -> None:
    with Simulator.running(Config(faults=(Rule(kind=Kind.SLOW),))) as simulator:
        assert 200 == admin(simulator, "PUT config", {"latency_ms": 5}).status
        assert (Rule(kind=Kind.SLOW),) == simulator.config.faults


def test_secrets_are_not_shown(simulator: Simulator) -> None:
    shown = json.dumps(admin(simulator, "GET config").content)
    assert simulator.config.auth_token not in shown
    assert simulator.config.api_secret not in shown


@pytest.mark.parametrize(
    "change", [{"port": 1}, {"auth_token": "x"}, {"typo": 1}, {"latency_ms": -1}, {"numbers": []}]
)
def test_a_setting_that_makes_no_sense_is_refused(
    simulator: Simulator, change: dict[str, Any]
) -> None:
    before = simulator.config
    assert 400 == admin(simulator, "PUT config", change).status
    assert before == simulator.config


def test_a_reset_goes_back_to_the_start() -> None:
    rule = Rule(kind=Kind.HANG_AFTER, count=1)
    with Simulator.running(Config(faults=(rule,))) as simulator:
        line = Line(simulator)
        ended = []

        def hang() -> None:
            with pytest.raises(ConnectionResetError):
                line.create()
            ended.append(True)

        thread = threading.Thread(target=hang)
        thread.start()
        eventually(lambda: simulator.holds.held)
        admin(simulator, "POST faults", {"kind": "truncate"})
        admin(simulator, "PUT config", {"latency_ms": 5})
        admin(simulator, "POST inbound", {"sender": TO, "body": "STOP"})
        assert 204 == admin(simulator, "POST reset").status
        thread.join()
        assert [True] == ended
        assert [0] == [one["hits"] for one in admin(simulator, "GET faults").content["faults"]]
        assert (0, 0) == (simulator.config.latency_ms, len(simulator.ledger.messages))
        assert [] == admin(simulator, "GET blocks").content["blocks"]


def test_texts_from_before_a_reset_are_not_heard_of_again(simulator: Simulator) -> None:
    simulator.adjust(queued_ms=(20, 20))
    client_of(simulator).messages.create(to=TO, from_=DEFAULT_NUMBER, body="Before")
    simulator.reset()
    simulator.adjust(queued_ms=(60, 60))
    client_of(simulator).messages.create(to=TO, from_=DEFAULT_NUMBER, body="After")
    eventually(lambda: simulator.ledger.messages[0].status == "delivered")
    assert {"delivered": 1} == simulator.ledger.summary().by_status


@pytest.mark.parametrize("call", ["GET nothing", "POST health", "GET ledger/nothing", "GET "])
def test_an_unknown_call_is_not_found(simulator: Simulator, call: str) -> None:
    assert 404 == admin(simulator, call).status


def test_admin_calls_do_not_count_as_requests(simulator: Simulator) -> None:
    admin(simulator, "GET health")
    assert 0 == simulator.ledger.summary().requests


def test_clients_of_other_machines_are_turned_away() -> None:
    assert b"HTTP/1.1 403 " == asyncio.run(_ask_from_elsewhere())[:13]


async def _ask_from_elsewhere() -> bytes:
    """An admin call over a connection whose other end has no loopback address."""
    loop = asyncio.get_running_loop()
    exchange = open_exchange(Config(), loop)
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        await loop.connect_accepted_socket(
            lambda: Connection(lambda turn: serve(exchange, turn), set(), Heads()), ours
        )
        await loop.sock_sendall(theirs, b"GET /_simulator/health HTTP/1.1\r\n\r\n")
        answer = await loop.sock_recv(theirs, 65536)
    exchange.close()
    return answer
