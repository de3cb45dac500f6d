"""The plan and the texts of a run: the same for the same seed, and with everything in it."""

from collections import Counter

import pytest

from messaging.local.chaos.plan import (
    SHARES,
    Event,
    Fault,
    Kill,
    Line,
    Mishap,
    Outage,
    Pause,
    Restart,
    Victim,
    Wipe,
    apportioned,
    plan,
    until,
)
from messaging.local.chaos.texts import NOBODY, Text, handfuls
from messaging.local.simulator.rules import Kind, Match, Rule, moment_of

LEASE = 45.0


def planned(*, seed: int = 1, kills: int = 60, seconds: float = 45.0) -> list[Event]:
    return plan(seed=seed, kills=kills, seconds=seconds, send_lease=LEASE)


def texts(*, seed: int = 1, messages: int = 5000) -> list[Text]:
    return [text for one in handfuls(seed=seed, messages=messages, size=25) for text in one.texts]


def test_the_same_seed_makes_the_same_plan_and_another_one_another() -> None:
    assert planned(seed=4) == planned(seed=4)
    assert planned(seed=4) != planned(seed=5)


@pytest.mark.parametrize("kills", [1, 9, 10, 60, 1000])
def test_there_are_as_many_kills_as_asked_for(kills: int) -> None:
    events = planned(kills=kills, seconds=0.75 * kills)
    assert kills == sum(isinstance(event, Kill) for event in events)


@pytest.mark.parametrize("kills", [9, 60, 1000])
def test_everybody_is_killed(kills: int) -> None:
    assert set(Victim) == set(apportioned(kills))


def test_of_60_kills_everybody_has_his_share() -> None:
    assert SHARES == Counter(apportioned(60))


def test_the_kills_of_each_victim_are_spread_over_the_whole_time() -> None:
    events = planned(kills=1000, seconds=1320.0)
    of_postgres = [
        event.at for event in events if isinstance(event, Kill) and event.victim is Victim.POSTGRES
    ]
    stretch = 1320.0 / len(of_postgres)
    assert list(range(50)) == [int(at / stretch) for at in of_postgres]


def test_events_come_in_their_order_and_within_their_time() -> None:
    times = [event.at for event in planned()]
    assert sorted(times) == times
    assert 0.0 <= times[0] <= times[-1] <= 45.0


@pytest.mark.parametrize("kind", [Kill, Wipe, Pause, Restart, Outage, Fault])
def test_even_a_short_plan_has_every_kind_of_event(kind: type[Event]) -> None:
    assert any(isinstance(event, kind) for event in planned(kills=10, seconds=7.5))


def test_a_long_plan_has_every_mishap_on_every_line() -> None:
    events = planned(kills=1000, seconds=750.0)
    found = {(event.line, event.mishap) for event in events if isinstance(event, Outage)}
    assert {(line, mishap) for line in Line for mishap in Mishap} == found


def test_a_plan_of_a_minute_has_every_kind_of_fault() -> None:
    found = {event.rule.kind for event in planned(seconds=60.0) if isinstance(event, Fault)}
    assert set(Kind) == found


def test_a_worker_is_paused_for_longer_than_the_send_lease() -> None:
    long = [event for event in planned() if isinstance(event, Pause) and event.is_long]
    assert 1 == len(long)
    assert until(long[0]) - long[0].at > LEASE


def test_in_a_long_plan_workers_are_paused_all_along_and_none_beyond_its_end() -> None:
    events = planned(kills=1000, seconds=750.0)
    long = [event for event in events if isinstance(event, Pause) and event.is_long]
    assert long[0].at < 0.2 * 750
    assert 0.8 * 750 < until(long[-1]) <= 750


def test_most_outages_are_short_and_some_outlast_every_timeout() -> None:
    events = planned(kills=1000, seconds=1500.0)
    lengths = [event.lasts for event in events if isinstance(event, Outage)]
    assert sum(length > 2.0 for length in lengths) < 0.25 * len(lengths)
    assert max(lengths) > 10.0


def test_back_pressure_comes_early_because_such_a_text_waits_for_a_minute() -> None:
    rejecting = [
        event.at
        for event in planned()
        if isinstance(event, Fault) and event.rule.kind is Kind.REJECT
    ]
    assert rejecting
    assert max(rejecting) < 45.0 / 3


def test_every_fault_can_hit_any_text() -> None:
    rules: list[Rule] = [event.rule for event in planned() if isinstance(event, Fault)]
    assert {Match()} == {rule.match for rule in rules}
    assert {moment_of(kind) for kind in Kind} == {moment_of(rule.kind) for rule in rules}


def test_no_two_texts_share_a_body_or_a_key() -> None:
    made = texts()
    assert (5000, 5000) == (len({text.body for text in made}), len({text.key for text in made}))


def test_no_two_texts_go_to_one_number_but_to_the_one_that_twilio_refuses() -> None:
    numbers = Counter(text.to for text in texts())
    assert 0 < numbers.pop(NOBODY) < 100
    assert {1} == set(numbers.values())


def test_texts_take_both_lanes_and_both_ways_and_some_wait() -> None:
    made = list(handfuls(seed=1, messages=5000, size=25))
    assert {True, False} == {one.is_bare for one in made}
    assert {0, 10} == {text.priority for text in texts()}
    assert 500 < sum(text.later is not None for text in texts()) < 1000
    assert texts() == texts()
