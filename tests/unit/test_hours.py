"""Hours on clocks that change: every change of every zone from 2020 to 2035."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from messaging.domain.hours import Hours, allowed_at
from messaging.domain.recurrence import Recurrence
from messaging.domain.zones import instant_of, zone
from messaging.errors import Refused
from tests.unit.transitions import Change, changes, zones

DAYTIME = Hours.outside("21:00-08:00")
HOUR, QUARTER, DAY = timedelta(hours=1), timedelta(minutes=15), timedelta(days=1)
CHANGES = list(changes())


def is_day(change: Change, instant: datetime) -> bool:
    return 8 <= change.local(instant).hour < 21


def test_there_are_changes_to_look_at() -> None:
    assert len(zones()) > 300
    assert len(CHANGES) > 3000


def test_quiet_hours_end_at_the_first_instant_of_day_at_every_change_of_a_clock() -> None:
    for change in CHANGES:
        here = zone(change.name)
        for at in (change.instant - 9 * HOUR, change.instant + 2 * HOUR):
            found = DAYTIME.next(at, here)
            assert is_day(change, found), change
            if found == at:
                continue
            assert not is_day(change, found - QUARTER), change
            steps = range(int((found - at) / HOUR))
            assert not any(is_day(change, at + n * HOUR) for n in steps), change


def test_a_wall_clock_is_read_as_rfc_5545_says_at_every_change_of_a_clock() -> None:
    for change in CHANGES:
        here = zone(change.name)
        instant = instant_of(change.middle, here)
        # Skipped: the offset from before. Shown twice: the first, which has that offset, too.
        assert (change.middle - change.before).replace(tzinfo=UTC) == instant, change
        shown = change.local(instant)
        gap = max(change.after - change.before, timedelta(0))
        assert change.middle + gap == shown, change


def test_a_daily_series_comes_once_a_day_at_every_change_of_a_clock() -> None:
    for change in CHANGES:
        start = change.middle.replace(microsecond=0) - 2 * DAY
        series = Recurrence(rule="FREQ=DAILY;COUNT=5", starts_at=start, time_zone=change.name)
        instants = [instant for _, instant in series.instants()]
        assert 5 == len(instants)
        distances = [later - sooner for sooner, later in pairwise(instants)]
        assert all(timedelta(0) < distance <= 2 * DAY for distance in distances), change
        expected = [start + n * DAY for n in range(5)]
        shown = [change.local(instant) for instant in instants]
        moved = [place for place in range(5) if shown[place] != expected[place]]
        assert moved == ([2] if change.after > change.before else []), change


@pytest.mark.parametrize(
    ("written", "at", "expected"),
    [
        ("21:00-08:00", "2026-11-29T20:59", "2026-11-29T20:59"),
        ("21:00-08:00", "2026-11-29T21:00", "2026-11-30T08:00"),
        ("21:00-08:00", "2026-11-30T07:59", "2026-11-30T08:00"),
        ("13:00-15:00", "2026-11-30T13:30", "2026-11-30T15:00"),
        ("00:00-08:00", "2026-11-30T23:59", "2026-11-30T23:59"),
        ("21:00-00:00", "2026-11-30T21:00", "2026-12-01T00:00"),
    ],
)
def test_quiet_hours_as_they_are_written(written: str, at: str, expected: str) -> None:
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    found = Hours.outside(written).next(instant, zone("UTC"))
    assert datetime.fromisoformat(expected).replace(tzinfo=UTC) == found


@pytest.mark.parametrize("written", ["", "9pm-8am", "21:00", "08:00-08:00", "24:00-08:00"])
def test_what_is_no_time_of_the_day_is_refused(written: str) -> None:
    with pytest.raises(Refused, match="21:00-08:00"):
        Hours.outside(written)


def test_what_no_two_zones_allow_together_is_none() -> None:
    brief = Hours.outside("10:00-09:00")
    at = datetime(2026, 11, 29, tzinfo=UTC)
    assert allowed_at(at, [zone("Europe/Berlin"), zone("America/New_York")], brief) is None
