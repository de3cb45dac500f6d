"""A run does its work at its rhythm until its time is over, whatever is away meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest
import redis
from structlog.testing import capture_logs

from messaging import runtime
from messaging.postgres.jobs import Due
from messaging.rounds import rounds
from messaging.runtime import Runtime
from messaging.settings import load

SETTINGS = load({"DATABASE_URL": "postgresql://localhost/x"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Story(Runtime):
    """A runtime whose time passes only where it waits, or where its work says so."""

    clock: list[float]

    def monotonic(self) -> float:
        return self.clock[0]

    def wait(self, time_to_wait: timedelta) -> None:
        self.clock[0] += max(0.0, time_to_wait.total_seconds())


@pytest.fixture
def rt() -> Story:
    built = runtime.build(SETTINGS)
    names = [
        "settings",
        "db",
        "bells",
        "throttle",
        "twilio",
        "rules",
        "brake",
        "bounds",
        "rulebooks",
    ]
    given = {name: getattr(built, name) for name in {*names, "rulebooks"}}
    return Story(**given, clock=[100.0])


def work(
    *, takes: float = 0.0, fails: Callable[[int], bool] = lambda n: False
) -> Callable[[Runtime], float]:
    """Tells when it began; some of the times Redis is away."""
    times = iter(range(1000))

    def done(rt: Runtime) -> float:
        began = rt.monotonic()
        rt.wait(timedelta(seconds=takes))
        if fails(next(times)):
            raise redis.ConnectionError("gone")
        return began

    return done


def test_rounds_come_at_their_rhythm_until_the_run_is_over(rt: Story) -> None:
    assert [100.0, 105.0, 110.0, 115.0] == rounds(rt, work(takes=2), every=5, lasting=20)


def test_work_that_takes_longer_than_its_rhythm_goes_on_at_once(rt: Story) -> None:
    assert [100.0, 107.0, 114.0] == rounds(rt, work(takes=7), every=5, lasting=20)


def test_without_a_run_there_is_one_round(rt: Story) -> None:
    assert [100.0] == rounds(rt, work(), every=5, lasting=0)


def test_a_round_that_fails_is_noted_and_the_next_one_comes(rt: Story) -> None:
    with capture_logs() as logs:
        done = rounds(rt, work(fails=lambda n: n in (1, 2)), every=1, lasting=5)
    assert [100.0, 103.0, 104.0] == done
    assert ["redis"] == [log["part"] for log in logs if log["event"] == "infrastructure_lost"]


def test_a_single_round_that_fails_says_so(rt: Story) -> None:
    with pytest.raises(redis.ConnectionError):
        rounds(rt, work(fails=lambda n: True), every=1, lasting=0)


def test_what_is_no_outage_ends_the_run(rt: Story) -> None:
    def refused(_rt: Runtime) -> None:
        raise psycopg.errors.UndefinedTable

    with pytest.raises(psycopg.errors.UndefinedTable):
        rounds(rt, refused, every=1, lasting=5)


def test_rounds_are_left_out_while_nothing_of_their_kind_is_due(rt: Story) -> None:
    def look(rt: Runtime) -> float:
        rt.lookout.note(Due(promotion=True, doubts=rt.monotonic() == 100.0, recalls=True))
        return rt.monotonic()

    assert [100.0, 101.0] == rounds(rt, look, every=1, lasting=5, of="doubts")
    assert [104.0, 105.0] == rounds(rt, work(), every=1, lasting=2, of="recalls")


def test_a_single_round_comes_whatever_the_lookout_says(rt: Story) -> None:
    rt.lookout.note(Due(promotion=False, doubts=False, recalls=False))
    assert [] == rounds(rt, work(), every=1, lasting=2, of="recalls")
    assert [101.0] == rounds(rt, work(), every=1, lasting=0, of="recalls")


def test_a_process_that_is_to_stop_begins_no_further_round(rt: Story) -> None:
    def stop(_rt: Runtime) -> int:
        rt.stopping.set()
        return 1

    assert [1] == rounds(rt, stop, every=1, lasting=5)
