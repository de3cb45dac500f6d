"""Redis's clock on ours: never read too early, and a jump is noticed at once."""

from random import Random

import pytest

from messaging.redis.clock import Clock

AHEAD = 100.0


def test_the_quickest_answer_tells_best_and_none_tells_too_little() -> None:
    clock, dice = Clock(), Random(1)
    found = []
    for n in range(40):
        told = float(n)
        out, back = dice.uniform(0.0001, 0.05), dice.uniform(0.0001, 0.05)
        found.append(clock.ahead(sent=told + AHEAD - out, told=told, received=told + AHEAD + back))
    assert min(found) >= AHEAD
    assert found[-1] - AHEAD < 0.005


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps_is_believed_at_once(jump: float) -> None:
    clock = Clock()
    clock.ahead(sent=AHEAD, told=0.0, received=AHEAD + 0.001)
    now = AHEAD + 1
    ahead = clock.ahead(sent=now, told=1.0 + jump, received=now + 0.001)
    assert ahead == pytest.approx(AHEAD - jump, abs=0.002)
