"""How many texts each side is handed. The sides are stand-ins that are done at once."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import cast

import pytest

from messaging.local.bench import BenchOptions, sending
from messaging.local.bench.site import Site
from messaging.settings import Settings


class Side:
    """Notes what it is handed."""

    pids: Sequence[int] = ()

    def __init__(self, name: str, *, is_slow: bool) -> None:
        self.name = name
        self.is_slow = is_slow
        self.handed: list[int] = []
        self.turns: list[str] = []

    @contextmanager
    def handing_over(self, count: int) -> Iterator[None]:
        self.handed.append(count)
        self.turns.append(self.name)
        yield

    def hand_over_one(self, _body: str) -> float:
        return time.time()

    def is_done(self) -> bool:
        return True

    def last_sent(self) -> float:
        return time.time() + 1


@pytest.fixture
def site(settings: Settings) -> Site:
    """A place as far as this asks it."""

    def wait_until(condition: Callable[[], bool], *_: object, **__: object) -> None:
        assert condition()

    few = settings.model_copy(update={"in_flight": 100})
    return cast("Site", SimpleNamespace(wait_until=wait_until, settings=few))


def test_slow_sides_get_a_third_of_the_texts(site: Site) -> None:
    ours, quick = Side("messaging", is_slow=False), Side("quick", is_slow=False)
    slow = Side("slow", is_slow=True)
    sending.measure(site, ours, [quick, slow], BenchOptions(messages=300, runs=2), print)
    assert ([300, 300], [300, 300], [100, 100]) == (ours.handed, quick.handed, slow.handed)


def test_every_second_time_the_sides_take_turns_in_the_opposite_order(site: Site) -> None:
    sides = [Side(name, is_slow=False) for name in ("messaging", "one", "other")]
    turns = sides[0].turns
    for side in sides:
        side.turns = turns
    ours, *others = sides
    sending.measure(site, ours, others, BenchOptions(messages=300, runs=3), print)
    there, back = ["messaging", "one", "other"], ["other", "one", "messaging"]
    assert [*there, *back, *there] == turns


@pytest.mark.parametrize(
    ("messages", "processes", "is_slow", "expected"),
    [
        (3000, 1, False, 500),
        (3000, 2, False, 700),
        (3000, 4, False, 1100),
        (600, 4, False, 600),
        (600, 4, True, 200),
    ],
)
def test_more_processes_are_warmed_up_with_more_than_all_but_one_can_hold(
    site: Site, messages: int, processes: int, is_slow: bool, expected: int
) -> None:
    side = Side("one", is_slow=is_slow)
    sending.warm_up(site, side, messages, processes)
    assert [expected] == side.handed
