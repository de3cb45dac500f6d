"""The agenda and the plan's clock."""

from itertools import pairwise

from messaging.local.chaos.agenda import Agenda, Clock
from messaging.local.process import wait_until


def test_what_is_due_comes_in_order_and_the_rest_stays() -> None:
    agenda: Agenda[str] = Agenda()
    for at, thing in ((3.0, "later"), (1.0, "first"), (2.0, "second"), (1.0, "also first")):
        agenda.put(at, thing)
    assert ["first", "also first", "second"] == list(agenda.due(2.0))
    assert 1 == len(agenda)


def test_a_clock_that_was_stopped_has_lost_that_time_and_goes_on() -> None:
    clock = Clock()
    clock.run(when=False)
    stopped = clock.seconds
    clock.run(when=False)
    assert wait_until(lambda: Clock().seconds >= 0.0, limit=1.0)
    assert stopped == clock.seconds
    clock.run(when=True)
    read = [clock.seconds for _ in range(3)]
    assert all(one <= next for one, next in pairwise([stopped, *read]))
    assert clock.lost > 0.0
    assert wait_until(lambda: clock.seconds > stopped, limit=1.0)
