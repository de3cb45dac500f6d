"""What the simulator refuses, with Twilio's code and status."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from messaging.local.simulator import (
    DEFAULT_MESSAGING_SERVICE_SID,
    DEFAULT_NUMBER,
    Config,
    Simulator,
)
from tests.contract.simulator_client import TO, client_of

SERVICE = {"from_": None, "messaging_service_sid": DEFAULT_MESSAGING_SERVICE_SID}
FIXED = {**SERVICE, "schedule_type": "fixed"}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with Simulator.running() as simulator:
        yield client_of(simulator)


def ahead(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


def told(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with times counted from now: a table is made long before its tests run."""
    return {
        name: (datetime.now(UTC) + one).isoformat() if isinstance(one, timedelta) else one
        for name, one in fields.items()
    }


def attempt(client: Any, fields: dict[str, Any]) -> tuple[int, int | None]:
    wanted = {"to": TO, "from_": DEFAULT_NUMBER, "body": "Hello"} | told(fields)
    with pytest.raises(TwilioRestException) as error:
        client.messages.create(**{name: one for name, one in wanted.items() if one is not None})
    return error.value.status, error.value.code


@pytest.mark.parametrize(
    "fields, code",
    [
        ({"to": ""}, 21604),
        ({"from_": None}, 21603),
        ({"body": None}, 21602),
        ({"body": ""}, 21602),
        ({"body": "a" * 1601}, 21617),
        ({"to": "5551230001"}, 21211),
        ({"to": "+1555"}, 21211),
        ({"to": "+1555123000123456"}, 21211),
        ({"to": "nobody"}, 21211),
        ({"from_": "+1"}, 21212),
        ({"from_": "A name that is too long"}, 21212),
        ({**SERVICE, "messaging_service_sid": "MG" + "0" * 32}, 21701),
        ({"media_url": ["https://example.com/1.jpg"] * 11}, 21623),
        ({"media_url": ["no url"]}, 21620),
        ({"status_callback": "example.com/status"}, 21609),
        ({"status_callback": "https://under_score.example.com/"}, 21609),
        ({"status_callback": "https://[broken/"}, 21609),
        ({"validity_period": 0}, 21624),
        ({"validity_period": 36_001}, 21624),
        ({"validity_period": "9" * 5000}, 21624),
        ({"content_sid": "HX1"}, 21655),
        ({"content_variables": "[1]"}, 21656),
        ({**FIXED}, 35111),
        ({**FIXED, "send_at": "tomorrow"}, 35115),
        ({**FIXED, "send_at": timedelta(minutes=4)}, 35114),
        ({**FIXED, "send_at": timedelta(days=35, minutes=1)}, 35114),
        ({**FIXED, "schedule_type": "optimal", "send_at": timedelta(hours=1)}, 35126),
    ],
)
def test_a_request_that_is_not_in_order_is_refused(
    client: Any, fields: dict[str, Any], code: int
) -> None:
    assert (400, code) == attempt(client, told(fields))


@pytest.mark.parametrize(
    "fields, code",
    [
        ({"from_": "+15005550001"}, 21212),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": "+15005550008"}, 21611),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
    ],
)
def test_the_magic_numbers_of_test_credentials_are_refused(
    client: Any, fields: dict[str, Any], code: int
) -> None:
    assert (400, code) == attempt(client, fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"body": "a" * 1600},
        {"from_": "12345"},
        {"from_": "My Shop"},
        {"from_": "whatsapp:+15005550006", "to": f"whatsapp:{TO}"},
        {"from_": DEFAULT_MESSAGING_SERVICE_SID},
        {**FIXED, "send_at": timedelta(minutes=6)},
        {**FIXED, "send_at": timedelta(days=34)},
        {"validity_period": 36_000},
        {"status_callback": "http://127.0.0.1:9/status?job=1"},
    ],
)
def test_what_is_just_in_order_is_accepted(client: Any, fields: dict[str, Any]) -> None:
    wanted = {"to": TO, "from_": DEFAULT_NUMBER, "body": "Hello"} | told(fields)
    given = {name: one for name, one in wanted.items() if one is not None}
    assert client.messages.create(**given).sid


def test_a_number_of_somebody_else_is_refused_where_that_is_configured() -> None:
    with Simulator.running(Config(own_numbers_only=True)) as simulator:
        client = client_of(simulator)
        assert (400, 21606) == attempt(client, {"from_": "+15005550010"})
        assert client.messages.create(to=TO, from_=DEFAULT_NUMBER, body="Hello").sid


def test_a_schedule_without_a_messaging_service_is_dropped_and_the_text_sent_at_once(
    client: Any,
) -> None:
    message = client.messages.create(
        to=TO, from_=DEFAULT_NUMBER, body="Later", schedule_type="fixed", send_at=ahead(hours=1)
    )
    assert "queued" == message.status


def test_an_error_says_where_to_read_more(client: Any) -> None:
    response = client.request("GET", f"{client.api.base_url}/2010-04-01/Nothing.json")
    assert (404, 20404, True) == (
        response.status_code,
        json.loads(response.text)["code"],
        "https://www.twilio.com/docs/errors/20404" in response.text,
    )
