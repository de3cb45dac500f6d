"""Recurrences: rules with an end, on the clocks of a zone, and what of a series is due."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from messaging.domain.category import Category
from messaging.domain.draft import Draft
from messaging.domain.recurrence import Bounds, Recurrence, checked
from messaging.domain.series import draft_of, fields_of, plan, upcoming
from messaging.errors import Refused

START = datetime(2026, 12, 1, 9)
BOUNDS = Bounds(most=1000, shortest=timedelta(hours=1))
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def series(rule: str, zone: str = "Europe/Berlin", starts_at: datetime = START) -> Recurrence:
    return Recurrence(rule=rule, starts_at=starts_at, time_zone=zone)


@pytest.mark.parametrize(
    ("rule", "count", "last"),
    [
        ("FREQ=DAILY;COUNT=3", 3, datetime(2026, 12, 3, 9)),
        ("RRULE:FREQ=DAILY;COUNT=3", 3, datetime(2026, 12, 3, 9)),
        ("freq=daily;count=3", 3, datetime(2026, 12, 3, 9)),
        ("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=4", 4, datetime(2026, 12, 14, 9)),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", 2, datetime(2027, 1, 29, 9)),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3", 3, datetime(2027, 3, 31, 9)),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=2", 2, datetime(2032, 2, 29, 9)),
        ("FREQ=DAILY;BYHOUR=8,20;COUNT=3", 3, datetime(2026, 12, 2, 20)),
        ("FREQ=HOURLY;INTERVAL=6;COUNT=4", 4, datetime(2026, 12, 2, 3)),
        ("FREQ=DAILY;UNTIL=20261203", 3, datetime(2026, 12, 3, 9)),
        ("FREQ=DAILY;UNTIL=20261203T090000", 3, datetime(2026, 12, 3, 9)),
        ("FREQ=DAILY;UNTIL=20261203T080000Z", 3, datetime(2026, 12, 3, 9)),
        ("FREQ=DAILY;UNTIL=20261203T075959Z", 2, datetime(2026, 12, 2, 9)),
    ],
)
def test_a_rule_and_its_times(rule: str, count: int, last: datetime) -> None:
    recurrence = series(rule)
    assert count == checked(recurrence, BOUNDS)
    assert last == list(recurrence.times())[-1]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("", "is none"),
        ("daily", "not well-formed"),
        ("FREQ=DAILY;FREQ=WEEKLY;COUNT=2", "not well-formed"),
        ("FREQ=DAILY", "no end"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "both COUNT and UNTIL"),
        ("COUNT=2", "must be one of"),
        ("FREQ=SECONDLY;COUNT=2", "must be one of"),
        ("FREQ=MINUTELY;INTERVAL=120;COUNT=2", "must be one of"),
        ("FREQ=DAILY;COUNT=0", "whole number"),
        ("FREQ=DAILY;COUNT=two", "whole number"),
        ("FREQ=DAILY;INTERVAL=-1;COUNT=2", "whole number"),
        ("FREQ=DAILY;INTERVAL=9999;COUNT=2", "from 1 to 1,000"),
        ("FREQ=DAILY;BYSECOND=1;COUNT=2", "cannot go with"),
        ("FREQ=DAILY;BYEASTER=1;COUNT=2", "cannot go with"),
        ("FREQ=HOURLY;BYMONTHDAY=30;COUNT=2", "cannot go with"),
        ("FREQ=DAILY;X-RANDOM=1;COUNT=2", "cannot go with"),
        ("FREQ=DAILY;BYHOUR=25;COUNT=2", "cannot be read"),
        ("FREQ=WEEKLY;BYDAY=XX;COUNT=2", "cannot be read"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL=TOMORROW is no time"),
        ("FREQ=DAILY;UNTIL=20201231", "no occurrence"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=2", "no occurrence"),
        ("FREQ=DAILY;COUNT=1001", "more than 1,000"),
        ("FREQ=DAILY;BYHOUR=9;BYMINUTE=0,59;COUNT=2", "less than 1 h apart"),
        ("FREQ=DAILY;COUNT=2\nRRULE:FREQ=HOURLY", "is none"),
        ("FREQ=DAILY;COUNT=2;" + "BYHOUR=9," * 99, "is none"),
    ],
)
def test_a_rule_that_is_none_or_has_no_end_is_refused(rule: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        checked(series(rule), BOUNDS)


def test_a_start_beyond_all_calendars_is_refused() -> None:
    with pytest.raises(Refused, match="between the years"):
        checked(series("FREQ=DAILY;COUNT=2", starts_at=datetime(9999, 1, 1)), BOUNDS)


def test_each_comes_at_its_time_on_the_clock_in_summer_and_in_winter() -> None:
    instants = [instant.hour for _, instant in series("FREQ=MONTHLY;COUNT=8").instants()]
    assert [8, 8, 8, 8, 7, 7, 7, 7] == instants


NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


def test_only_what_comes_soon_is_made_and_the_next_look_is_known() -> None:
    step = plan(series("FREQ=DAILY;COUNT=5"), None, set(), NOW, 2 * DAY)
    assert [START, START + DAY] == [one.local_time for one in step.now]
    assert START + DAY == step.made_until
    assert datetime(2026, 12, 1, 8, tzinfo=UTC) == step.next
    again = plan(series("FREQ=DAILY;COUNT=5"), step.made_until, set(), NOW, 2 * DAY)
    assert () == again.now
    assert step.made_until == again.made_until


def test_what_is_a_message_already_is_not_made_again() -> None:
    step = plan(series("FREQ=DAILY;COUNT=5"), None, {START}, NOW, 2 * DAY)
    assert [START + DAY] == [one.local_time for one in step.now]


def test_what_could_not_be_made_in_time_is_left_out() -> None:
    """A service that was away for days sends no reminder for each of them at once."""
    at = datetime(2026, 12, 3, 8, 30, tzinfo=UTC)
    step = plan(series("FREQ=DAILY;COUNT=5"), None, set(), at, HOUR)
    assert [START + 2 * DAY] == [one.local_time for one in step.now]


def test_after_the_last_occurrence_nobody_looks_again() -> None:
    step = plan(series("FREQ=DAILY;COUNT=2"), None, set(), NOW, 9 * DAY)
    assert (2, None) == (len(step.now), step.next)


def test_the_next_occurrence_is_told() -> None:
    following = upcoming(series("FREQ=DAILY;COUNT=2"), NOW + DAY)
    assert following is not None
    assert START + DAY == following.local_time
    assert upcoming(series("FREQ=DAILY;COUNT=2"), NOW + 9 * DAY) is None


def test_a_draft_survives_as_the_fields_of_a_series() -> None:
    draft = Draft(
        to="+14155552671",
        template="pills",
        variables={"name": "Ada"},
        priority=9,
        user_id=UUID(int=7),
        media_urls=["https://example.com/a.png"],
        category=Category.MARKETING,
    )
    assert draft == draft_of(fields_of(draft))
    assert Draft(to="+1", body="Hi") == draft_of(fields_of(Draft(to="+1", body="Hi")))


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({"recipient_phone": 5}, "recipient_phone is a int"),
        ({"recipient_phone": "+1", "user_id": "me"}, "no UUID"),
        ({"recipient_phone": "+1", "scheduled_for": "now"}, "no field of a series"),
    ],
)
def test_fields_that_make_no_draft_are_refused(written: dict[str, object], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        draft_of(written)
