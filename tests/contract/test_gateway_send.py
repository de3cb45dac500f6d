"""Sending through the gateway, against servers of raw bytes."""

import gc
import logging
import os
import threading
import time
import uuid
import warnings
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from messaging.domain.answers import Accepted, Answer, Fault, InDoubt, NotSent, Outgoing, Rejected
from messaging.domain.job import JobId, Phone
from messaging.settings import Settings, load
from messaging.twilio.gateway import Gateway
from tests.contract.gateway_server import (
    Server,
    Wire,
    answer,
    be_silent,
    close,
    created,
    hold,
    http,
    reset,
    serving,
)

ACCOUNT = "AC" + "0" * 32
SECRET = "5ecre7" * 5
PATIENT = 10.0


def settings(url: str, **environment: str) -> Settings:
    return load(
        {
            "DATABASE_URL": "postgresql://localhost/x",
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": SECRET,
            "TWILIO_FROM": "+15005550006",
            "TWILIO_API_BASE_URL": url,
        }
        | environment
    )


def text(
    number: int = 0,
    *,
    body: str = "Hello",
    seconds: float = 60,
    send_at: datetime | None = None,
) -> Outgoing:
    return Outgoing(
        job_id=JobId(uuid.uuid4()),
        attempt=1,
        to=Phone(f"+1555123{number:04}"),
        body=body,
        write_before=time.monotonic() + seconds,
        send_at=send_at,
    )


def answers(gateway: Gateway, *texts: Outgoing) -> list[Answer]:
    """The answers in the order of the texts; each text must have exactly one."""
    found = [one for group in gateway.send(texts) for one in group]
    assert len(found) == len(texts)
    by_job = {message.job_id: said for message, said in found}
    return [by_job[one.job_id] for one in texts]


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENT
    while not condition():
        assert time.monotonic() < limit, "it did not come about in time"
        time.sleep(0.002)


@pytest.fixture
def opened() -> Iterator[Callable[..., Gateway]]:
    """Gateways that are closed when the test ends."""
    gateways: list[Gateway] = []

    def make(server: Server | str, **environment: str) -> Gateway:
        url = server if isinstance(server, str) else server.url
        gateways.append(Gateway(settings(url, **environment)))
        return gateways[-1]

    yield make
    for gateway in gateways:
        gateway.close()


Opened = Callable[..., Gateway]


def test_every_text_gets_exactly_one_answer_whatever_happens_to_it(opened: Opened) -> None:
    script = (
        answer(created(1)),
        answer(http(400, '{"code": 21211, "message": "no"}')),
        answer(http(429)),
        answer(http(500)),
        reset,
        close,
        be_silent,
        answer(http(201, "{}")),
        answer(b"what?\r\n"),
        answer(created(2)),
    )
    with serving(*script) as server:
        gateway = opened(server, MESSAGING_IN_FLIGHT="1", MESSAGING_READ_TIMEOUT="0.3")
        found = answers(gateway, *[text(number) for number in range(10)])
        gateway.close()
    expected = Counter({"Accepted": 2, "Rejected": 1, "NotSent": 1, "InDoubt": 6})
    assert expected == Counter(type(one).__name__ for one in found)
    assert len(server.requests) == 10


def test_the_same_text_twice_is_two_texts(opened: Opened) -> None:
    with serving(answer(created())) as server:
        twin = text()
        found = [one for group in opened(server).send([twin, twin]) for one in group]
    assert len(found) == len(server.requests) == 2


def test_no_texts_make_no_groups(opened: Opened) -> None:
    assert list(opened("http://localhost:9").send([])) == []


def test_answers_come_when_they_are_ready(opened: Opened) -> None:
    with serving(answer(created(1)), hold(created(2)), answer(created(3))) as server:
        gateway = opened(server, MESSAGING_IN_FLIGHT="3")
        groups = iter(gateway.send([text(number) for number in range(3)]))
        early: list[Answer] = []
        while len(early) < 2:
            early += [said for _, said in next(groups)]
        server.release()
        late = [said for group in groups for _, said in group]
    assert (2, 1) == (len(early), len(late))


def test_what_is_ready_at_once_comes_in_one_group(opened: Opened) -> None:
    with serving(answer(created())) as server:
        gateway = opened(server)
        groups = gateway.send([text(number) for number in range(5)])
        wait_until(lambda: len(server.requests) == 5)
        gateway.close()  # returns once all are answered
        assert [5] == [len(group) for group in groups]


def test_a_text_leaves_nothing_behind_that_only_the_collector_finds(opened: Opened) -> None:
    """Ten objects a text were ten megabytes for each twenty thousand."""
    with serving(answer(created())) as server:
        gateway = opened(server, MESSAGING_IN_FLIGHT="1")
        answers(gateway, text())
        gc.collect()
        gc.disable()
        try:
            answers(gateway, *[text(number) for number in range(50)])
            assert 50 > gc.collect()
        finally:
            gc.enable()


def test_sending_starts_before_anybody_asks_for_answers(opened: Opened) -> None:
    with serving(answer(created())) as server:
        opened(server).send([text()])
        wait_until(lambda: len(server.requests) == 1)


def test_who_stops_listening_stops_nothing(opened: Opened) -> None:
    with serving(hold(created())) as server:
        gateway = opened(server)
        groups = gateway.send([text(number) for number in range(3)])
        wait_until(lambda: len(server.requests) == 3)
        del groups
        server.release()
        gateway.close()
        assert len(server.requests) == 3


def test_all_threads_together_keep_to_the_number_in_flight(opened: Opened) -> None:
    open_now = 0
    most = 0

    async def count(wire: Wire) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await wire.released.wait()
        open_now -= 1
        await wire.write(created())

    with serving(count) as server:
        gateway = opened(server, MESSAGING_IN_FLIGHT="4")
        found: list[Answer] = []

        def send() -> None:
            found.extend(answers(gateway, *[text(number) for number in range(5)]))

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: open_now == 4)
        server.release()
        for thread in threads:
            thread.join(PATIENT)
    assert (15, 4) == (len(found), most)
    assert all(isinstance(one, Accepted) for one in found)


def test_a_text_whose_time_has_run_out_is_not_written(opened: Opened) -> None:
    with serving(answer(created())) as server:
        (found,) = answers(opened(server), text(seconds=0))
    assert isinstance(found, NotSent)
    assert not found.costs_retry
    assert server.requests == []


def test_a_text_that_waits_too_long_for_its_turn_is_not_written(opened: Opened) -> None:
    with serving(hold(created())) as server:
        gateway = opened(server, MESSAGING_IN_FLIGHT="1")
        first = gateway.send([text()])
        wait_until(lambda: len(server.requests) == 1)
        (found,) = answers(gateway, text(1, seconds=0.1))
        server.release()
        assert len(list(first)) == 1
    assert isinstance(found, NotSent)
    assert len(server.requests) == 1


def test_urgent_texts_go_before_others_that_wait(opened: Opened) -> None:
    with serving(hold(created()), *[answer(created())] * 7) as server:
        gateway = opened(server, MESSAGING_IN_FLIGHT="1")
        first = gateway.send([text(0)])
        wait_until(lambda: len(server.requests) == 1)
        normal = gateway.send([text(1), text(2)])
        urgent = gateway.send([text(8), text(9)], urgent=True)
        later = gateway.send([text(3)])
        server.release()
        assert 6 == sum(len(group) for sent in (first, normal, urgent, later) for group in sent)
    assert [0, 8, 9, 1, 2, 3] == [number_of(request) for request in server.requests]


def number_of(request: bytes) -> int:
    (to,) = parse_qs(request.partition(b"\r\n\r\n")[2].decode())["To"]
    return int(to[-4:])


def test_each_text_that_waits_too_long_is_told_at_its_own_time(opened: Opened) -> None:
    """Whatever was to be written when the gateway last looked at the clock."""
    with serving(hold(created()), answer(created())) as server:
        gateway = opened(server, MESSAGING_IN_FLIGHT="1")
        first = gateway.send([text(0)])
        wait_until(lambda: len(server.requests) == 1)
        patient = gateway.send([text(1)])
        for urgent in (False, True):
            (found,) = [
                one
                for group in gateway.send([text(2, seconds=0.05)], urgent=urgent)
                for _, one in group
            ]
            assert isinstance(found, NotSent)
            assert "waiting for its turn" in found.reason
        server.release()
        assert [2] == [sum(len(group) for sent in (first, patient) for group in sent)]
    assert [0, 1] == [number_of(request) for request in server.requests]


def test_nobody_at_twilios_address_means_not_sent(opened: Opened) -> None:
    (found,) = answers(opened("http://127.0.0.1:9"), text())
    assert isinstance(found, NotSent)
    assert not found.costs_retry
    assert found.retry_after is not None


def test_a_text_for_later_is_not_sent_at_all_without_a_messaging_service(opened: Opened) -> None:
    with serving(answer(created())) as server:
        later, now = answers(
            opened(server), text(send_at=datetime(2030, 1, 1, tzinfo=UTC)), text(1)
        )
    assert isinstance(later, Rejected)
    assert (Fault.CONFIGURATION, True) == (later.fault, later.alert)
    assert isinstance(now, Accepted)
    assert len(server.requests) == 1


def test_a_mistake_of_ours_is_an_answer_too(opened: Opened) -> None:
    with serving(answer(created())) as server:
        lone_surrogate = "\ud800"
        broken, sound = answers(opened(server), text(body=lone_surrogate), text(1))
    assert isinstance(broken, NotSent)
    assert broken.costs_retry
    assert isinstance(sound, Accepted)


def test_missing_settings_reject_every_text_as_configuration() -> None:
    gateway = Gateway(load({"DATABASE_URL": "postgresql://localhost/x"}))
    found = answers(gateway, text(), text(1))
    assert [Fault.CONFIGURATION] * 2 == [one.fault for one in found if isinstance(one, Rejected)]
    assert "TWILIO_ACCOUNT_SID" in str(found[0])
    gateway.close()


def test_closing_waits_for_requests_under_way(opened: Opened) -> None:
    with serving(hold(created())) as server:
        gateway = opened(server)
        groups = gateway.send([text()])
        wait_until(lambda: len(server.requests) == 1)
        closing = threading.Thread(target=gateway.close)
        closing.start()
        server.release()
        found = [said for group in groups for _, said in group]
        closing.join(PATIENT)
        assert not closing.is_alive()
    assert isinstance(found[0], Accepted)


def test_a_closed_gateway_sends_nothing(opened: Opened) -> None:
    with serving(answer(created())) as server:
        gateway = opened(server)
        answers(gateway, text())
        gateway.close()
        gateway.close()
        (found,) = answers(gateway, text(1))
    assert isinstance(found, NotSent)
    assert not found.costs_retry
    assert len(server.requests) == 1


def test_a_forked_process_opens_a_line_of_its_own(opened: Opened) -> None:
    with serving(answer(created())) as server:
        gateway = opened(server)
        answers(gateway, text())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork, on purpose
            child = os.fork()
        if child == 0:
            found = [said for group in gateway.send([text(1)]) for _, said in group]
            os._exit(0 if isinstance(found[0], Accepted) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert isinstance(answers(gateway, text(2))[0], Accepted)
    assert (3, 2) == (len(server.requests), server.connections)


def test_the_request_is_the_official_packages_own(opened: Opened) -> None:
    with serving(answer(created())) as server:
        message = text(body="Grüße")
        answers(opened(server, PUBLIC_BASE_URL="https://texts.example.org"), message)
    head, _, body = server.requests[0].decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == f"POST /2010-04-01/Accounts/{ACCOUNT}/Messages.json HTTP/1.1"
    assert any(line.startswith("User-Agent: twilio-python/") for line in lines)
    assert "Content-Type: application/x-www-form-urlencoded" in lines
    assert "Accept: application/json" in lines
    callback = "https://texts.example.org/api/twilio/status"
    expected = {
        "To": [message.to],
        "Body": ["Grüße"],
        "SmartEncoded": ["false"],
        "From": ["+15005550006"],
        "StatusCallback": [f"{callback}?job={message.job_id}&attempt=1#rc=3&rp=all"],
    }
    assert expected == parse_qs(body)


@pytest.mark.parametrize(
    "environment, pair",
    [
        ({}, f"{ACCOUNT}:{SECRET}"),
        ({"TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "abc"}, "SK1:abc"),
    ],
)
def test_an_api_key_goes_before_the_auth_token(
    opened: Opened, environment: dict[str, str], pair: str
) -> None:
    with serving(answer(created())) as server:
        answers(opened(server, **environment), text())
    assert b"Authorization: Basic " + b64encode(pair.encode()) in server.requests[0]


def test_proxies_and_regions_of_the_environment_do_not_lead_elsewhere(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    with serving(answer(created())) as server:
        (found,) = answers(opened(server.url.replace("localhost", "127.0.0.1")), text())
    assert isinstance(found, Accepted)


def test_neither_numbers_nor_secrets_are_shown(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(answer(created()), answer(http(500)), reset) as server:
        gateway = opened(server, MESSAGING_IN_FLIGHT="1")
        found = answers(gateway, text(), text(1), text(2))
    shown = f"{gateway!r} {found} {caplog.text}"
    assert ACCOUNT in shown
    assert SECRET not in shown
    assert "+1555" not in shown
    assert all(isinstance(one, InDoubt) for one in found[1:])


class Brake:
    """Knows nothing for a while, and then whether sending is stopped."""

    def __init__(self, why_not: str | None, unknown: int) -> None:
        self._why_not, self._unknown = why_not, unknown
        self.asked: list[float] = []

    def is_stale(self, claimed_at: float) -> bool:
        self.asked.append(claimed_at)
        return len(self.asked) <= self._unknown

    def why_not(self, claimed_at: float) -> str | None:
        return self._why_not


@pytest.mark.parametrize("unknown", [0, 3])
def test_a_text_is_not_written_once_sending_is_stopped(unknown: int) -> None:
    with serving(answer(created())) as server:
        brake = Brake("sending was stopped", unknown)
        gateway = Gateway(settings(server.url), brake=brake)
        ((_, said),) = [one for group in gateway.send([text()]) for one in group]
        gateway.close()
    assert isinstance(said, NotSent)
    assert ("sending was stopped", False) == (said.reason, said.costs_retry)
    assert [] == server.requests
    assert unknown + 1 == len(brake.asked)


def test_a_text_waits_until_it_is_known_that_nothing_is_stopped() -> None:
    with serving(answer(created())) as server:
        brake = Brake(None, 3)
        gateway = Gateway(settings(server.url), brake=brake)
        ((_, said),) = [one for group in gateway.send([text()]) for one in group]
        gateway.close()
    assert isinstance(said, Accepted)
    assert 4 == len(brake.asked)
