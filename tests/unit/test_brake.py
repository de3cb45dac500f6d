"""The brake: what may begin to be written, by what was seen when."""

from collections.abc import Iterator
from threading import Event

import psycopg
import pytest

from messaging.brake import FRESH, Brake

STOPPED = "sending was stopped before it began; not sent"
UNSEEN = "it could not be seen in time whether sending is stopped; not sent"


class World:
    """A clock, and what is stopped at the moment."""

    def __init__(self) -> None:
        self.now = 100.0
        self.stops: frozenset[int] = frozenset()
        self.is_away = False
        self.look_takes = 0.0

    def look(self) -> frozenset[int]:
        if self.is_away:
            raise psycopg.OperationalError
        stops = self.stops
        self.now += self.look_takes
        return stops

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def brake(world: World) -> Iterator[Brake]:
    made = Brake(world.look, world.monotonic)
    yield made
    made.close()


def test_a_claim_is_a_look_of_its_own_for_less_than_a_second(world: World, brake: Brake) -> None:
    claimed_at = world.now
    world.now += FRESH - 0.01
    assert brake.why_not(claimed_at) is None
    world.now += 0.01
    assert UNSEEN == brake.why_not(claimed_at)


def test_a_look_prolongs_it_from_when_it_began(world: World, brake: Brake) -> None:
    claimed_at = world.now
    world.now += 0.5
    world.look_takes = 0.3
    brake.look()
    world.now = 100.5 + FRESH - 0.01
    assert brake.why_not(claimed_at) is None
    world.now += 0.01
    assert UNSEEN == brake.why_not(claimed_at)


def test_a_stop_that_is_new_holds_back_what_was_claimed_before(world: World, brake: Brake) -> None:
    claimed_at = world.now
    world.now += 0.1
    world.stops = frozenset({7})
    brake.look()
    assert STOPPED == brake.why_not(claimed_at)
    assert brake.why_not(world.now + 0.1) is None, "a claim that came after knew of it"


def test_a_claim_that_began_before_the_look_had_ended_may_not_have_known(
    world: World, brake: Brake
) -> None:
    world.stops, world.look_takes = frozenset({7}), 0.2
    brake.look()
    assert STOPPED == brake.why_not(100.1)


def test_a_stop_that_is_known_or_over_holds_nothing_back(world: World, brake: Brake) -> None:
    world.stops = frozenset({7})
    brake.look()
    world.now += 1
    claimed_at = world.now
    brake.look()
    assert brake.why_not(claimed_at) is None
    world.stops = frozenset()
    brake.look()
    assert brake.why_not(claimed_at) is None


def test_stops_of_a_quiet_time_are_no_news_after_a_claim(world: World, brake: Brake) -> None:
    brake.look()
    world.stops = frozenset({7})
    world.now += 3600
    brake.get_ready()
    claimed_at = world.now = world.now + 0.1
    world.now += 0.5
    brake.look()
    assert brake.why_not(claimed_at) is None


def test_who_cannot_look_does_not_go_on(world: World, brake: Brake) -> None:
    claimed_at = world.now
    world.is_away = True
    with pytest.raises(psycopg.OperationalError):
        brake.look()
    world.now += FRESH
    assert UNSEEN == brake.why_not(claimed_at)


def test_it_looks_by_itself_only_while_texts_are_under_way() -> None:
    looks: list[int] = []
    looked, again = Event(), Event()

    def look() -> frozenset[int]:
        looks.append(1)
        (again if looked.is_set() else looked).set()
        return frozenset()

    brake = Brake(look)
    with brake.watched():
        assert looked.wait(30)
        assert again.wait(30)
    brake.close()
    assert brake.why_not(-1.0) is None
