"""What was found due by one look is relied on for a while, and for no longer."""

import pytest

from messaging.lookout import Kind, Lookout
from messaging.postgres.jobs import Due

KINDS: tuple[Kind, ...] = ("doubts", "recalls")


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def lookout(clock: list[float]) -> Lookout:
    return Lookout(lambda: clock[0])


def due(*, doubts: bool = False, recalls: bool = False) -> Due:
    return Due(promotion=False, doubts=doubts, recalls=recalls)


@pytest.mark.parametrize("kind", KINDS)
def test_anything_may_be_due_before_somebody_has_looked(lookout: Lookout, kind: Kind) -> None:
    assert lookout.may_be_due(kind)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (due(), (False, False)),
        (due(doubts=True), (True, False)),
        (due(recalls=True), (False, True)),
    ],
    ids=["nothing", "doubts", "recalls"],
)
def test_what_was_not_found_due_is_not_asked_for(
    lookout: Lookout, found: Due, expected: tuple[bool, bool]
) -> None:
    lookout.note(due(doubts=True, recalls=True))
    lookout.note(found)
    assert expected == tuple(lookout.may_be_due(kind) for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_look_tells_nothing(lookout: Lookout, clock: list[float], kind: Kind) -> None:
    lookout.note(due())
    clock[0] += 2.9
    assert not lookout.may_be_due(kind)
    clock[0] += 0.2
    assert lookout.may_be_due(kind)
