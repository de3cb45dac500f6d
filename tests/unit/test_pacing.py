"""Pacing: no window ever holds more than its limit and one, however late texts begin."""

from datetime import timedelta
from itertools import accumulate
from random import Random

import pytest

from messaging.domain.pacing import Limit, pace
from messaging.local.pacing.windows import Arrival, average, course, fullest
from messaging.settings import load

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def limits(second: int, minute: int) -> list[Limit]:
    windows = ((second, SECOND), (minute, MINUTE))
    return [Limit(count=count, window=window) for count, window in windows if count]


def test_without_limits_there_is_no_pace() -> None:
    assert None is pace([])


@pytest.mark.parametrize(
    ("second", "minute", "milliseconds"),
    [(200, 0, 5.1), (0, 6000, 10.05), (200, 6000, 10.05), (50, 6000, 20.4), (0, 1, 60_300)],
)
def test_the_stricter_limit_sets_the_pace(second: int, minute: int, milliseconds: float) -> None:
    found = pace(limits(second, minute))
    assert found is not None
    assert milliseconds == pytest.approx(found.interval / timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("second", "minute"), [(1, 0), (10, 0), (50, 0), (200, 0), (2000, 0), (200, 6000), (10, 100)]
)
def test_the_rate_is_within_three_per_cent_of_the_limit(second: int, minute: int) -> None:
    wanted = limits(second, minute)
    found = pace(wanted)
    assert found is not None
    strictest = min(limit.count / limit.window.total_seconds() for limit in wanted)
    assert 0.97 <= 1 / found.interval.total_seconds() / strictest <= 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("second", "minute"), [(1, 0), (10, 0), (50, 0), (200, 0), (200, 6000), (10, 100), (0, 30)]
)
def test_no_window_holds_more_than_its_limit_and_one_however_late_texts_begin(
    second: int, minute: int, seed: int
) -> None:
    """Each at its slot or as late as it may be, which makes the fullest windows that there are."""
    wanted = limits(second, minute)
    found = pace(wanted)
    assert found is not None
    interval, late = found.interval.total_seconds(), found.tolerance.total_seconds()
    dice = Random(seed)
    texts = min(3 * max(limit.count for limit in wanted) + 10, 2000)
    times = sorted(n * interval + dice.choice((0, late * 0.999)) for n in range(texts))
    arrivals = [Arrival(at=at) for at in times]
    assert [] == [
        limit
        for limit in wanted
        if fullest(arrivals, limit.window.total_seconds()) > limit.count + 1
    ]


@pytest.mark.parametrize("seed", range(5))
def test_texts_of_several_segments_are_within_the_limit_and_one_where_it_is_large(
    seed: int,
) -> None:
    wanted = limits(200, 6000)
    found = pace(wanted)
    assert found is not None
    dice = Random(seed)
    units = [dice.choice((1, 3)) for _ in range(4000)]
    starts = accumulate(units[:-1], initial=0)
    arrivals = sorted(
        (
            Arrival(
                at=start * found.interval.total_seconds()
                + dice.choice((0, found.tolerance_of(count).total_seconds() * 0.999)),
                units=count,
            )
            for start, count in zip(starts, units, strict=True)
        ),
        key=lambda arrival: arrival.at,
    )
    assert fullest(arrivals, 1) <= 201
    assert fullest(arrivals, 60) <= 6001


def test_a_large_text_may_begin_a_little_late_all_the_same() -> None:
    found = pace(limits(10, 0))
    assert found is not None
    assert timedelta(milliseconds=10) == found.tolerance_of(24)


def test_settings_name_the_limits_and_what_they_count() -> None:
    environment = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
        "TWILIO_RATE_LIMIT_PER_SECOND": "50",
        "TWILIO_RATE_LIMIT_UNIT": "segments",
    }
    assert pace(limits(50, 0)) == load(environment).pace
    assert load(environment).counts_segments
    assert (None, False) == ((free := load({**environment, **FREE})).pace, free.counts_segments)


FREE = {"TWILIO_RATE_LIMIT_PER_SECOND": "", "TWILIO_RATE_LIMIT_UNIT": ""}


def test_the_fullest_window_is_found_wherever_it_begins() -> None:
    arrivals = [Arrival(at=at) for at in (0.0, 0.9, 1.0, 1.5, 1.8, 3.0)]
    assert 4 == fullest(arrivals, 1)
    assert 3 == fullest(arrivals, 0.85)
    assert 7 == fullest([Arrival(at=0.0, units=3), Arrival(at=0.5, units=4)], 1)
    assert 0 == fullest([], 1)


def test_an_average_and_a_course_count_units() -> None:
    arrivals = [Arrival(at=10.0, units=2), Arrival(at=10.6), Arrival(at=11.2)]
    assert 3.0 == average(arrivals, 10.0, 11.0)
    assert [(0.5, 2), (1.0, 3), (1.5, 2)] == course(arrivals, 1.0, 0.5)
