"""The windows that remain are as wide as docs/guarantees.md says, and no wider.

What the model finds is one sum. Deadline, pause, Twilio's time to take a request and the lag of
its list must together be less than the quiescence time; if they are not, a lost callback is enough.
"""

import pytest

from messaging.settings import Settings
from tests.model.explore import Verdict, explore
from tests.model.properties import not_doubled
from tests.model.rules import TICK, Rules, Times

SAFE = None
DOUBLED = "not_doubled"


def judged(rules: Rules) -> Verdict:
    verdict = explore(rules, [not_doubled])
    print(verdict)
    return verdict


def ticks(setting: str) -> int:
    """A setting's default in ticks, begun ones counted."""
    return -int(-Settings.model_fields[setting].default // TICK.total_seconds())


def test_the_models_times_are_the_products() -> None:
    times = Times()
    assert (ticks("send_deadline"), ticks("send_lease"), ticks("quiescence")) == (
        times.deadline,
        times.send_lease,
        times.quiescence,
    )
    answered = ticks("connect_timeout") + ticks("read_timeout")
    assert times.deadline < answered + times.deadline <= times.send_lease < times.quiescence


def test_nothing_is_left_between_the_times_and_the_quiescence() -> None:
    times = Times()
    latest = (times.deadline - 1) + times.flight + times.list_lag
    assert times.quiescence == latest + 1


@pytest.mark.parametrize(
    ("pause", "quiescence", "expected"),
    [(1, 4, DOUBLED), (1, 5, SAFE), (2, 5, DOUBLED)],
)
def test_a_pause_between_the_check_and_the_write_doubles_if_it_uses_up_the_quiescence(
    pause: int, quiescence: int, expected: str | None
) -> None:
    rules = Rules(pause=pause, times=Times(quiescence=quiescence), cancels=False)
    assert expected == judged(rules).broken


def test_after_a_pause_longer_than_the_quiescence_no_callback_helps() -> None:
    rules = Rules(pause=Times().quiescence + 1, prompt_callbacks=True, cancels=False)
    verdict = judged(rules)
    assert DOUBLED == verdict.broken
    assert [line for line in verdict.trace if "sees that it may write" in line]


@pytest.mark.parametrize(("callbacks_come", "expected"), [(False, DOUBLED), (True, SAFE)])
def test_a_text_that_is_listed_too_late_doubles_only_if_its_callback_is_lost_too(
    callbacks_come: bool, expected: str | None
) -> None:
    times = Times(list_lag=Times().list_lag + 1)
    rules = Rules(times=times, prompt_callbacks=callbacks_come, cancels=False)
    assert expected == judged(rules).broken


def test_a_claim_that_postgres_loses_in_a_failover_doubles() -> None:
    assert DOUBLED == judged(Rules(failover=True, cancels=False)).broken


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (Times(deadline=2), DOUBLED),
        (Times(flight=2), DOUBLED),
        (Times(quiescence=3), DOUBLED),
        (Times(quiescence=1), DOUBLED),
        (Times(send_lease=1), SAFE),
    ],
    ids=str,
)
def test_of_the_protocols_times_only_the_send_lease_may_be_too_short(
    times: Times, expected: str | None
) -> None:
    assert expected == judged(Rules(times=times, cancels=False)).broken
