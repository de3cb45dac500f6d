"""What a worker's consumer acknowledges when, of the normal lane's tasks and of others."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker import state

from messaging.consumer import SteadyConsumer, normal_texts
from messaging.intake import Backpressure
from messaging.line import TASK
from tests.unit.hub import Hub

MOST = 5


class Message:
    """It notes that it was acknowledged."""

    def __init__(self, lane: str, eta: str | None = None) -> None:
        self.lane = lane
        self.headers = {"eta": eta}
        self.is_acknowledged = False

    def ack_log_error(self, *_: Any) -> None:
        assert not self.is_acknowledged, "kombu refuses a second time"
        self.is_acknowledged = True


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> SteadyConsumer:
    """A consumer without a broker, whose worker sends MOST texts of the normal lane."""
    requests = {str(n): request("normal") for n in range(MOST)}
    monkeypatch.setattr(state, "requests", requests)
    monkeypatch.setattr(state, "active_requests", set())
    monkeypatch.setattr(state, "reserved_requests", set())
    made: SteadyConsumer = object.__new__(SteadyConsumer)
    made.hub = Hub()
    made.connection_errors = ()
    made.task_consumer = SimpleNamespace(is_normal=lambda message: message.lane == "normal")
    made.task_buckets = {}
    made._backpressure = Backpressure(MOST, normal_texts)
    return made


def request(lane: str, name: str = TASK) -> SimpleNamespace:
    return SimpleNamespace(name=name, args=(lane, ["ids", [1], None]), id="x")


def begin(consumer: SteadyConsumer, message: Any) -> None:
    """What Celery does when a task comes and when a thread takes it."""
    consumer._hold_back(message)
    message.ack_log_error(None, ())


def test_a_task_of_the_normal_lane_waits_while_there_is_enough_to_send(
    consumer: SteadyConsumer,
) -> None:
    message = Message("normal")
    assert consumer.has_room(16)
    begin(consumer, message)
    assert not message.is_acknowledged
    assert not consumer.has_room(16), "nor is it stuck, then, though tasks wait"
    state.requests.popitem()
    assert consumer.has_room(16), "also where the hub hangs"
    consumer.hub.pass_time(1)
    assert message.is_acknowledged
    assert consumer.has_room(16)


def test_a_message_that_is_acknowledged_does_not_wait_for_the_collector(
    consumer: SteadyConsumer,
) -> None:
    gc.disable()
    try:
        message = Message("normal")
        begin(consumer, message)
        state.requests.popitem()
        consumer.hub.pass_time(1)
        assert message.is_acknowledged
        there = weakref.ref(message)
        del message
        assert there() is None, "in a worker that never rests, they would take 80 kB each"
    finally:
        gc.enable()


def test_an_urgent_task_never_waits(consumer: SteadyConsumer) -> None:
    message = Message("urgent")
    begin(consumer, message)
    assert message.is_acknowledged


def test_a_task_that_is_to_be_tried_again_later_holds_nothing_up(consumer: SteadyConsumer) -> None:
    message = Message("normal", eta="2026-11-30T12:00:00+00:00")
    consumer._hold_back(message)  # type: ignore[arg-type]
    assert message.is_acknowledged
    message.ack_log_error(None, ())
    state.requests.clear()
    consumer.hub.pass_time(1)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(request("urgent"), id="an urgent task"),
        pytest.param(request("normal", name="messaging.bridge"), id="another task"),
    ],
)
def test_only_texts_of_the_normal_lane_count(
    consumer: SteadyConsumer, other: SimpleNamespace
) -> None:
    state.requests["0"] = other
    message = Message("normal")
    begin(consumer, message)
    assert message.is_acknowledged


def test_what_is_to_be_tried_again_later_does_not_count(
    consumer: SteadyConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "scheduled_requests", [state.requests["0"]])
    message = Message("normal")
    begin(consumer, message)
    assert message.is_acknowledged
