"""The gateway and the simulator: what Twilio does, and what we make of it."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from messaging.domain.answers import Accepted, Answer, Canceling, Fault, Listed, Outgoing, Rejected
from messaging.domain.job import JobId, Phone, Sid
from messaging.local.simulator import Config, Kind, Rule, Simulator
from messaging.settings import load
from messaging.twilio.gateway import Gateway

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TO = Phone("+15551230000")


@contextmanager
def twilio(*rules: Rule, **environment: str) -> Iterator[tuple[Simulator, Gateway]]:
    """A simulator, and a gateway that sends through its Messaging Service."""
    with Simulator.running(Config(seed=1, faults=rules)) as simulator:
        basic = {
            "DATABASE_URL": "postgresql://localhost/x",
            "TWILIO_ACCOUNT_SID": simulator.config.account_sid,
            "TWILIO_AUTH_TOKEN": simulator.config.auth_token,
            "TWILIO_MESSAGING_SERVICE_SID": simulator.config.messaging_services[0],
            "TWILIO_API_BASE_URL": simulator.base_url,
            "PUBLIC_BASE_URL": "http://127.0.0.1:9",
            "MESSAGING_READ_TIMEOUT": "0.5",
        }
        gateway = Gateway(load(basic | environment))
        try:
            yield simulator, gateway
        finally:
            gateway.close()


def text(
    number: int = 0, *, to: Phone = TO, body: str = "", send_at: datetime | None = None
) -> Outgoing:
    return Outgoing(
        job_id=JobId(uuid.uuid4()),
        attempt=1,
        to=to,
        body=body or f"Hello {number}",
        send_at=send_at,
        write_before=time.monotonic() + 60,
    )


def answers(gateway: Gateway, *texts: Outgoing) -> list[Answer]:
    by_job = {one.job_id: said for group in gateway.send(texts) for one, said in group}
    return [by_job[one.job_id] for one in texts]


def sid_of(answer: Answer) -> Sid:
    assert isinstance(answer, Accepted), answer
    return answer.sid


def test_many_texts_are_each_accepted_once() -> None:
    texts = [text(number) for number in range(200)]
    with twilio() as (simulator, gateway):
        sids = {sid_of(answer) for answer in answers(gateway, *texts)}
        accepted = simulator.ledger.outbound
    assert sids == {message.sid for message in accepted}
    assert {one.body for one in texts} == {message.body for message in accepted}
    assert {str(one.job_id) for one in texts} == {message.job for message in accepted}


@pytest.mark.parametrize(
    "kind, expected, accepted",
    [
        (Kind.TOO_MANY_REQUESTS, "NotSent", 0),
        (Kind.REJECT, "Rejected", 0),
        (Kind.ERROR_BEFORE, "InDoubt", 0),
        (Kind.ERROR_AFTER, "InDoubt", 1),
        (Kind.HANG_BEFORE, "InDoubt", 0),
        (Kind.HANG_AFTER, "InDoubt", 1),
        (Kind.HANG_MIDWAY, "InDoubt", 1),
        (Kind.RESET_BEFORE, "InDoubt", 0),
        (Kind.RESET_AFTER, "InDoubt", 1),
        (Kind.TRUNCATE, "InDoubt", 1),
        (Kind.NO_SID, "InDoubt", 1),
    ],
)
def test_a_fault_is_answered_by_what_is_certain_and_never_by_a_second_request(
    kind: Kind, expected: str, accepted: int
) -> None:
    with twilio(Rule(kind=kind, code=21211 if kind is Kind.REJECT else None)) as (
        simulator,
        gateway,
    ):
        (answer,) = answers(gateway, text())
        assert (expected, accepted) == (type(answer).__name__, len(simulator.ledger.outbound))


@pytest.mark.parametrize(
    "environment, to, code, fault",
    [
        ({}, "+15005550001", 21211, Fault.MESSAGE),
        ({}, "+15005550002", 21612, Fault.MESSAGE),
        ({}, "+15005550003", 21408, Fault.MESSAGE),
        ({}, "+15005550004", 21610, Fault.MESSAGE),
        ({}, "+15005550009", 21614, Fault.MESSAGE),
        ({"TWILIO_FROM": "+15005550001"}, TO, 21212, Fault.CONFIGURATION),
        ({"TWILIO_FROM": "+15005550007"}, TO, 21606, Fault.CONFIGURATION),
        ({"TWILIO_FROM": "+15005550008"}, TO, 21611, Fault.BACK_PRESSURE),
        ({"TWILIO_AUTH_TOKEN": "wrong"}, TO, 20003, Fault.CONFIGURATION),
        ({"TWILIO_ACCOUNT_SID": "AC" + "9" * 32}, TO, 20003, Fault.CONFIGURATION),
    ],
)
def test_the_magic_numbers_are_refused_as_twilio_refuses_them(
    environment: dict[str, str], to: str, code: int, fault: Fault
) -> None:
    if "TWILIO_FROM" in environment:
        environment = environment | {"TWILIO_MESSAGING_SERVICE_SID": ""}
    with twilio(**environment) as (simulator, gateway):
        (answer,) = answers(gateway, text(to=Phone(to)))
        assert isinstance(answer, Rejected)
        assert (code, fault) == (answer.code, answer.fault)
        assert answer.opt_out == (code == 21610)
        assert not simulator.ledger.outbound


def test_what_was_accepted_is_found_over_many_pages() -> None:
    texts = [text(number) for number in range(250)]
    others = [text(to=Phone("+15551239999"))]
    with twilio() as (_, gateway):
        sids = {sid_of(answer) for answer in answers(gateway, *texts, *others)[:250]}
        found = gateway.find(TO, LONG_AGO)
        assert isinstance(found, tuple)
        assert sids == {message.sid for message in found}
        assert gateway.find(TO, datetime.now(UTC) + timedelta(hours=1)) == ()


def test_a_text_in_doubt_is_found_by_its_body() -> None:
    with twilio(Rule(kind=Kind.RESET_AFTER)) as (simulator, gateway):
        answers(gateway, text(body="Where am I? 50 % & more"))
        found = gateway.find(TO, LONG_AGO)
        assert isinstance(found, tuple)
        assert [(simulator.ledger.outbound[0].sid, "Where am I? 50 % & more")] == [
            (message.sid, message.body) for message in found
        ]
        assert found[0].messaging_service_sid == simulator.config.messaging_services[0]


def test_a_text_is_fetched_and_an_unknown_one_is_none() -> None:
    with twilio() as (_, gateway):
        (answer,) = answers(gateway, text())
        found = gateway.fetch(sid_of(answer))
        assert isinstance(found, Listed)
        assert (found.to, found.body) == (TO, "Hello 0")
        assert gateway.fetch(Sid("SM" + "f" * 32)) is None


def test_a_text_for_later_waits_at_twilio_and_can_be_canceled_once() -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with twilio() as (simulator, gateway):
        later, now = answers(gateway, text(send_at=tomorrow), text(1))
        assert isinstance(later, Accepted)
        assert later.status == "scheduled"
        nobody = Sid("SM" + "f" * 32)
        assert [Canceling.CANCELED] == gateway.cancel([later.sid])
        assert [Canceling.CANCELED, Canceling.TOO_LATE, Canceling.UNANSWERED] == gateway.cancel(
            [later.sid, sid_of(now), nobody]
        )
        kept = simulator.ledger.get(later.sid)
        assert kept is not None
        assert kept.status == "canceled"


def test_a_time_that_twilio_does_not_take_is_refused() -> None:
    with twilio() as (simulator, gateway):
        (answer,) = answers(gateway, text(send_at=datetime.now(UTC) + timedelta(seconds=60)))
        assert isinstance(answer, Rejected)
        assert answer.fault is Fault.MESSAGE
        assert not simulator.ledger.outbound


def test_the_check_is_satisfied_with_an_api_key_and_a_service() -> None:
    with Simulator.running() as simulator:
        key, secret = simulator.config.api_key, simulator.config.api_secret
    with twilio(TWILIO_API_KEY=key, TWILIO_API_SECRET=secret) as (_, gateway):
        assert gateway.check().ok
    with twilio(TWILIO_AUTH_TOKEN="wrong") as (_, gateway):
        assert not gateway.check().ok
