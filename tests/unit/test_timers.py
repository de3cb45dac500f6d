"""How often kombu's timers wake up a process that has nothing to do."""

import time
from types import SimpleNamespace
from typing import Any

from kombu.asynchronous import Hub
from kombu.connection import Connection

from messaging.screening import screen


def waits(times: int) -> list[float]:
    """Seconds until each timer of a process that has connected to Redis so many times."""
    hub: Any = Hub()  # type: ignore[no-untyped-call]
    try:
        with Connection("redis://localhost") as connection:  # type: ignore[no-untyped-call]
            screen(connection, lambda _: None)
            for _ in range(times):
                virtual = SimpleNamespace(client=connection)
                connection.transport.register_with_event_loop(virtual, hub)
        entries = [each for each in hub.timer.queue if not each.entry.canceled]
        return [each.eta - time.monotonic() for each in entries]
    finally:
        hub.close()


def test_nothing_wakes_it_each_second() -> None:
    """kombu's look at the routes to the queue for remote control did."""
    assert 9 < min(waits(1))


def test_a_new_connection_has_its_timers_instead_of_the_old_ones() -> None:
    assert len(waits(1)) == len(waits(2)) > 3
