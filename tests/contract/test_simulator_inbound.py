"""Inbound texts: the webhook they cause, and the words that stop and start texting."""

from collections.abc import Iterator
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator

from messaging.local.simulator import (
    DEFAULT_MESSAGING_SERVICE_SID,
    DEFAULT_NUMBER,
    Config,
    Inbound,
    Simulator,
)
from tests.contract.simulator_client import TO, admin, client_of
from tests.contract.simulator_webhook import Webhook, webhook


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as running:
        yield running


@pytest.fixture
def simulator(hook: Webhook) -> Iterator[Simulator]:
    with Simulator.running(Config(inbound_url=f"{hook.url}/inbound?from=twilio")) as running:
        yield running


def may_text(simulator: Simulator, **sender: str) -> bool:
    try:
        client_of(simulator).messages.create(to=TO, body="Hello", **sender)
    except TwilioRestException as error:
        if (error.status, error.code) != (400, 21610):
            raise
        return False
    return True


def test_an_inbound_text_is_posted_to_the_webhook(simulator: Simulator, hook: Webhook) -> None:
    received = simulator.receive(Inbound(sender=TO, body="Hi there"))
    (posted,) = hook.hooks
    places = {f"{side}{part}" for side in ("From", "To") for part in ("City", "State", "Zip")}
    assert {
        "AccountSid": simulator.config.account_sid,
        "ApiVersion": "2010-04-01",
        "Body": "Hi there",
        "From": TO,
        "FromCountry": "",
        "MessageSid": received.sid,
        "MessagingServiceSid": DEFAULT_MESSAGING_SERVICE_SID,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsMessageSid": received.sid,
        "SmsSid": received.sid,
        "SmsStatus": "received",
        "To": DEFAULT_NUMBER,
        "ToCountry": "",
        **dict.fromkeys(places, ""),
    } == posted.fields
    assert received.outcome is not None
    assert 204 == received.outcome.status


def test_an_inbound_text_is_signed(simulator: Simulator, hook: Webhook) -> None:
    simulator.receive(Inbound(sender=TO, body="Grüße 👋  "))
    (posted,) = hook.hooks
    validator: Any = RequestValidator(simulator.config.auth_token)  # type: ignore[no-untyped-call]
    url = f"{hook.url}/inbound?from=twilio"
    assert validator.validate(url, posted.fields, posted.headers["X-Twilio-Signature"])


def test_an_inbound_picture_carries_its_url(simulator: Simulator, hook: Webhook) -> None:
    simulator.receive(Inbound(sender=TO, body="", media=("https://example.com/1.jpg",)))
    (posted,) = hook.hooks
    assert ("1", "https://example.com/1.jpg", "image/jpeg") == (
        posted.fields["NumMedia"],
        posted.fields["MediaUrl0"],
        posted.fields["MediaContentType0"],
    )


def test_an_inbound_text_is_in_the_list_and_not_among_the_accepted(simulator: Simulator) -> None:
    received = simulator.receive(Inbound(sender=TO, body="Hi"))
    (listed,) = client_of(simulator).messages.list(from_=TO)
    assert (received.sid, "inbound", "received") == (listed.sid, listed.direction, listed.status)
    summary = simulator.ledger.summary()
    assert (0, 1) == (summary.accepted, summary.inbound)


def test_a_webhook_that_is_down_is_reported(simulator: Simulator) -> None:
    received = simulator.receive(Inbound(sender=TO, body="Hi", url="http://127.0.0.1:9/"))
    assert received.outcome is not None
    assert "ct" == received.outcome.failure


@pytest.mark.parametrize(
    "word", ["STOP", "StopAll", "unsubscribe", "CANCEL", "END", "QUIT", "revoke", " optout \n"]
)
def test_a_word_stops_texting(simulator: Simulator, word: str) -> None:
    simulator.receive(Inbound(sender=TO, body=word))
    assert not may_text(simulator, messaging_service_sid=DEFAULT_MESSAGING_SERVICE_SID)
    assert not may_text(simulator, from_=DEFAULT_NUMBER)


@pytest.mark.parametrize("words", ["stop it", "please stop", "HELP", "STOP."])
def test_other_words_stop_nothing(simulator: Simulator, words: str) -> None:
    simulator.receive(Inbound(sender=TO, body=words))
    assert may_text(simulator, from_=DEFAULT_NUMBER)


@pytest.mark.parametrize("word", ["START", "yes", "unstop"])
def test_a_word_starts_texting_again(simulator: Simulator, word: str) -> None:
    simulator.receive(Inbound(sender=TO, body="STOP"))
    simulator.receive(Inbound(sender=TO, body=word))
    assert may_text(simulator, messaging_service_sid=DEFAULT_MESSAGING_SERVICE_SID)


def test_stop_counts_for_its_sender_only(simulator: Simulator) -> None:
    simulator.receive(Inbound(sender=TO, body="STOP", recipient="+15005550010"))
    assert not may_text(simulator, from_="+15005550010")
    assert may_text(simulator, from_=DEFAULT_NUMBER)
    assert may_text(simulator, messaging_service_sid=DEFAULT_MESSAGING_SERVICE_SID)
    blocks = admin(simulator, "GET blocks").content["blocks"]
    assert [{"sender": "+15005550010", "number": TO}] == blocks


def test_stop_counts_without_a_webhook_too() -> None:
    with Simulator.running() as simulator:
        received = simulator.receive(Inbound(sender=TO, body="STOP"))
        assert received.outcome is None
        assert not may_text(simulator, from_=DEFAULT_NUMBER)


@pytest.mark.parametrize(
    "body, kind", [("stop", "STOP"), ("yes", "START"), ("info", "HELP"), ("hi", None)]
)
def test_advanced_opt_out_names_the_kind_of_keyword(
    simulator: Simulator, hook: Webhook, body: str, kind: str | None
) -> None:
    simulator.adjust(advanced_opt_out=True)
    simulator.receive(Inbound(sender=TO, body=body))
    assert kind == hook.hooks[0].fields.get("OptOutType")
