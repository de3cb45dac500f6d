"""What Twilio told is written once Postgres is back, and given up where that takes too long."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event
from typing import cast

import psycopg
import pytest

from messaging.outages import Outages
from messaging.runtime import Runtime
from messaging.steps.insisting import insist

AWAY = psycopg.OperationalError("the connection is lost")
REFUSED = psycopg.errors.UniqueViolation("taken")
MINUTE = timedelta(minutes=1)


@dataclass
class Waiting:
    """Of a runtime, what insisting needs: a clock that waiting puts forward."""

    now: float = 0.0
    outages: Outages = field(default_factory=Outages)
    stopping: Event = field(default_factory=Event)

    def monotonic(self) -> float:
        return self.now

    def wait(self, time_to_wait: timedelta) -> None:
        self.now += time_to_wait.total_seconds()


def failing(*errors: Exception) -> Callable[[], str]:
    """A write that fails with these errors, one after the other, and then works."""
    left = list(errors)

    def write() -> str:
        if left:
            raise left.pop(0)
        return "written"

    return write


def insisting(rt: Waiting, write: Callable[[], str]) -> str:
    return insist(cast(Runtime, rt), write, MINUTE)


def test_a_write_is_tried_again_each_second_until_postgres_is_back() -> None:
    rt = Waiting()
    assert ("written", 3.0) == (insisting(rt, failing(AWAY, AWAY, AWAY)), rt.now)


def test_what_takes_too_long_is_given_up() -> None:
    rt = Waiting()
    with pytest.raises(psycopg.OperationalError):
        insisting(rt, failing(*[AWAY] * 100))
    assert 61.0 == rt.now


def test_a_process_that_is_to_stop_does_not_wait() -> None:
    rt = Waiting()
    rt.stopping.set()
    with pytest.raises(psycopg.OperationalError):
        insisting(rt, failing(AWAY))
    assert 0.0 == rt.now


def test_a_refusal_is_not_tried_again() -> None:
    rt = Waiting()
    with pytest.raises(psycopg.errors.UniqueViolation):
        insisting(rt, failing(REFUSED))
