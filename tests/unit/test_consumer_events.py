"""Events of tasks, which Flower shows: they go out together, and none is kept for long."""

from types import SimpleNamespace

import pytest

from messaging import consumer
from messaging.consumer import SteadyConsumer
from tests.unit.hub import Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub()
    monkeypatch.setattr(consumer, "time", hub)
    return hub


def consumer_at(hub: Hub, flushed: list[float]) -> SteadyConsumer:
    """A consumer without a broker, whose dispatcher notes when it flushes."""
    made: SteadyConsumer = object.__new__(SteadyConsumer)
    made.hub = hub
    made.event_dispatcher = SimpleNamespace(flush=lambda: flushed.append(hub.now))
    made._flushed_at = made._flush_at = -1.0
    return made


def test_the_first_event_goes_out_at_once_and_those_that_follow_together(hub: Hub) -> None:
    flushed: list[float] = []
    steady = consumer_at(hub, flushed)
    for _ in range(10):
        steady._flush_events()
        hub.pass_time(0.01)
    assert [1000.0] == flushed
    hub.pass_time(0.01)
    assert 2 == len(flushed)
    assert not hub.later
    hub.pass_time(5)
    assert 2 == len(flushed), "nothing has happened since"
    steady._flush_events()
    assert 3 == len(flushed)


def test_events_go_out_where_the_hub_has_forgotten_to_call(hub: Hub) -> None:
    """It forgets its timers when the broker is lost."""
    flushed: list[float] = []
    steady = consumer_at(hub, flushed)
    steady._flush_events()
    hub.pass_time(0.01)
    steady._flush_events()
    hub.later.clear()
    hub.pass_time(1)
    steady._flush_events()
    assert 2 == len(flushed)
