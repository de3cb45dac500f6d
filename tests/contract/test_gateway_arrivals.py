"""Texts to our numbers: which numbers those are, and their lists, page after page."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from messaging.domain.answers import Unanswered
from messaging.local.simulator import Config, Simulator
from messaging.settings import load
from messaging.twilio import arrivals
from messaging.twilio.gateway import Gateway
from tests.contract.gateway_server import Act, Server, answer, http, serving

ACCOUNT = "AC" + "0" * 32
SERVICE = "MG" + "0" * 32
OURS = "+15005550006"
SINCE = datetime(2026, 11, 24, 10, 0, 0, 700_000, tzinfo=UTC)
LIST = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
Opened = Callable[..., Gateway]


@pytest.fixture
def opened() -> Iterator[Opened]:
    gateways: list[Gateway] = []

    def make(server: Server, **environment: str) -> Gateway:
        usual = {
            "DATABASE_URL": "postgresql://localhost/x",
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": "secret",
            "TWILIO_FROM": OURS,
            "TWILIO_API_BASE_URL": server.url,
        }
        gateways.append(Gateway(load(usual | environment)))
        return gateways[-1]

    yield make
    for gateway in gateways:
        gateway.close()


def record(n: int, seconds: float, **changes: object) -> dict[str, object]:
    """A text that was sent so many seconds after SINCE's whole second."""
    sent = SINCE.replace(microsecond=0) + timedelta(seconds=seconds)
    written = sent.strftime("%a, %d %b %Y %H:%M:%S +0000")
    return {
        "sid": f"SM{n:032x}",
        "to": OURS,
        "from": "+15551230000",
        "body": "STOP",
        "status": "received",
        "direction": "inbound",
        "date_created": written,
        "date_sent": written,
    } | changes


def page(*records: dict[str, object], following: str | None = None) -> Act:
    return answer(http(200, json.dumps({"messages": records, "next_page_uri": following})))


def senders(key: str, name: str, *numbers: str, following: str | None = None) -> Act:
    meta = {"key": key, "next_page_url": following}
    return answer(http(200, json.dumps({"meta": meta, key: [{name: one} for one in numbers]})))


def sids(part: object) -> list[int]:
    assert isinstance(part, tuple)
    return [int(message.sid[2:], 16) for message in part]


def test_the_list_is_read_by_number_until_it_is_old(opened: Opened) -> None:
    script = (
        page(record(5, 9), record(4, 8), following=LIST + "?Page=1"),
        page(record(3, 0), record(2, -1), following=LIST + "?Page=2"),
    )
    with serving(*script) as server:
        parts = list(opened(server).arrivals(OURS, SINCE))
        assert [[5, 4], [3]] == [sids(part) for part in parts]
        assert b"To=%2B15005550006" in server.requests[0]
        assert b"?Page=1" in server.requests[1]
        assert 2 == len(server.requests), "nobody asks for what is older"


@pytest.mark.parametrize(
    "last", [answer(http(429)), answer(http(500)), answer(http(401)), answer(http(200, "no JSON"))]
)
def test_a_page_that_does_not_come_ends_it_and_says_so(opened: Opened, last: Act) -> None:
    with serving(page(record(1, 9), following=LIST + "?Page=1"), last) as server:
        first, second = opened(server).arrivals(OURS, SINCE)
    assert [1] == sids(first)
    assert isinstance(second, Unanswered)


def test_a_list_without_an_end_is_given_up(opened: Opened) -> None:
    with serving(page(record(1, 9), following=LIST + "?Page=1")) as server:
        parts = list(opened(server).arrivals(OURS, SINCE))
        assert arrivals.MOST_PAGES == len(server.requests)
    assert isinstance(parts[-1], Unanswered)


@pytest.mark.parametrize(
    ("environment", "script", "expected"),
    [
        ({}, (), (OURS,)),
        ({"TWILIO_FROM": "ACME"}, (), ()),
        (
            {"TWILIO_FROM": "", "TWILIO_MESSAGING_SERVICE_SID": SERVICE},
            (
                senders("phone_numbers", "phone_number", OURS, "+15005550007"),
                senders("short_codes", "short_code", "12345"),
            ),
            (OURS, "+15005550007", "12345"),
        ),
        (
            {"TWILIO_MESSAGING_SERVICE_SID": SERVICE},
            (
                senders("phone_numbers", "phone_number", OURS),
                senders("short_codes", "short_code"),
            ),
            (OURS,),
        ),
        (
            {"TWILIO_MESSAGING_SERVICE_SID": SERVICE},
            (senders("phone_numbers", "phone_number", OURS, following="https://more"),),
            None,
        ),
        ({"TWILIO_MESSAGING_SERVICE_SID": SERVICE}, (answer(http(404)),), None),
        ({"TWILIO_MESSAGING_SERVICE_SID": SERVICE}, (answer(http(200, "[]")),), None),
    ],
)
def test_our_numbers_are_those_that_people_may_answer_to(
    opened: Opened,
    environment: dict[str, str],
    script: tuple[Act, ...],
    expected: tuple[str, ...] | None,
) -> None:
    with serving(*(script or (answer(http(500)),))) as server:
        found = opened(server, **environment).numbers()
    assert expected == (None if isinstance(found, Unanswered) else found)


def test_the_simulator_lists_texts_and_numbers_as_twilio_does() -> None:
    with Simulator.running(Config(numbers=(OURS, "12345"))) as twilio:
        settings = load(
            {
                "DATABASE_URL": "postgresql://localhost/x",
                "TWILIO_ACCOUNT_SID": twilio.config.account_sid,
                "TWILIO_AUTH_TOKEN": twilio.config.auth_token,
                "TWILIO_MESSAGING_SERVICE_SID": twilio.config.messaging_services[0],
                "TWILIO_API_BASE_URL": twilio.base_url,
            }
        )
        gateway = Gateway(settings)
        assert (OURS, "12345") == gateway.numbers()
        gateway.close()
