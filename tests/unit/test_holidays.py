"""Holidays in quiet hours: whose, by which setting, and that what waits comes at a right time."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import settings as search
from hypothesis import strategies as st

from messaging.domain import holidays
from messaging.domain.category import Category
from messaging.domain.hour_rules import RULES
from messaging.domain.hours import Hours
from messaging.domain.job import Phone
from messaging.domain.places import places_of
from messaging.domain.quiet_hours import QuietHours, Recipient
from messaging.domain.zones import zone
from messaging.errors import Misconfigured
from messaging.settings import load

NIGHT = Hours.outside("21:00-08:00")
RULED = QuietHours(own={Category.MARKETING: NIGHT}, by_law=True)
ALABAMA, UTAH, OHIO, PARIS, MADRID = (
    "+12055552671", "+18015552671", "+12165552671", "+33612345678", "+34612345678"
)  # fmt: skip
SYDNEY, BERLIN, LOUISIANA = "+61412345678", "+4915123456789", "+15045552671"
CHRISTMAS = "2026-12-25T18:00"


def marketing(phone: str, time_zone: str | None = None, *, urgent: bool = False) -> Recipient:
    return Recipient(
        phone=Phone(phone), category=Category.MARKETING, time_zone=time_zone, urgent=urgent
    )


def until(quiet: QuietHours, recipient: Recipient, at: str) -> str | None:
    wait = quiet.wait(recipient, datetime.fromisoformat(at).replace(tzinfo=UTC))
    return f"{wait.until:%Y-%m-%dT%H:%M}" if wait else None


@pytest.mark.parametrize(
    ("phone", "at", "expected"),
    [
        (ALABAMA, CHRISTMAS, "2026-12-26T14:00"),
        (ALABAMA, "2026-12-26T18:00", None),
        (ALABAMA, "2026-12-27T18:00", "2026-12-28T14:00"),
        (UTAH, "2026-07-24T18:00", "2026-07-25T14:00"),
        (OHIO, CHRISTMAS, None),
        (LOUISIANA, "2027-02-09T18:00", "2027-02-10T14:00"),
        (PARIS, "2026-07-14T10:00", "2026-07-15T08:00"),
        (PARIS, "2027-03-29T10:00", "2027-03-30T08:00"),
        (PARIS, "2026-05-13T19:00", "2026-05-15T08:00"),
        (MADRID, "2026-12-08T10:00", "2026-12-09T09:00"),
        (MADRID, "2026-12-04T22:00", "2026-12-07T09:00"),
        (BERLIN, CHRISTMAS, None),
    ],
)
def test_holidays_count_where_a_law_names_them(phone: str, at: str, expected: str | None) -> None:
    assert expected == until(RULED, marketing(phone), at)


def test_the_holiday_is_named_in_the_reason() -> None:
    at = datetime.fromisoformat(CHRISTMAS).replace(tzinfo=UTC)
    wait = RULED.wait(marketing(ALABAMA), at)
    assert wait is not None
    assert "the hours of Alabama (Christmas Day)" == wait.reason


@pytest.mark.parametrize(
    ("setting", "phone", "urgent", "rests"),
    [
        ("law", ALABAMA, True, True),
        ("law", BERLIN, False, False),
        ("off", ALABAMA, False, False),
        ("marketing", ALABAMA, False, True),
        ("marketing", BERLIN, False, True),
        ("marketing", OHIO, False, True),
        ("marketing", BERLIN, True, False),
        ("transactional", BERLIN, False, False),
    ],
)
def test_a_setting_says_which_holidays_count(
    setting: str, phone: str, urgent: bool, rests: bool
) -> None:
    environment = {"DATABASE_URL": "postgresql://x", "REDIS_URL": "redis://x"}
    quiet = load({**environment, "MESSAGING_QUIET_HOLIDAYS": setting}).quiet_hours
    assert rests is (until(quiet, marketing(phone, urgent=urgent), CHRISTMAS) is not None)


def test_any_category_may_rest_and_the_others_cost_nothing() -> None:
    quiet = QuietHours(own={}, by_law=False, resting=frozenset({Category.TRANSACTIONAL}))
    text = Recipient(phone=Phone(BERLIN))
    assert "2026-12-26T23:00" == until(quiet, text, CHRISTMAS), "the 26th is one, too"
    assert quiet.concern(Category.TRANSACTIONAL, urgent=False)
    assert not quiet.concern(Category.TRANSACTIONAL, urgent=True)
    assert not quiet.concern(Category.MARKETING, urgent=False)


@pytest.mark.parametrize("setting", ["sometimes", "law,marketing"])
def test_another_word_is_refused(setting: str) -> None:
    with pytest.raises(Misconfigured, match="MESSAGING_QUIET_HOLIDAYS"):
        load({"DATABASE_URL": "postgresql://x", "MESSAGING_QUIET_HOLIDAYS": setting})


def test_the_local_day_counts() -> None:
    """It is still Christmas in Utah when it is not in France, and the other way round."""
    assert until(RULED, marketing(UTAH), "2026-12-26T05:00") == "2026-12-26T15:00"
    assert until(RULED, marketing(SYDNEY, "Australia/Sydney"), "2026-12-24T23:00") is not None


def test_every_place_whose_law_names_holidays_has_some() -> None:
    places = [place for place, rule in RULES.items() if rule.holidays]
    assert {"US-AL", "US-LA", "US-MS", "US-PA", "US-RI", "US-UT", "AU", "ES", "FR"} == set(places)
    for place in places:
        assert 7 <= len(holidays.holidays_of(place, 2027)), place
    assert {} == holidays.holidays_of("001", 2027)
    assert holidays.holidays_of("FR", 2027)[date(2027, 5, 6)] == "Ascension Day"


PHONES = [ALABAMA, UTAH, OHIO, PARIS, MADRID, SYDNEY, BERLIN, LOUISIANA, "+14015552671"]
ZONES = [None, "America/Chicago", "Europe/Paris", "Australia/Lord_Howe", "Pacific/Apia"]
INSTANTS = st.datetimes(
    min_value=datetime(2020, 1, 1), max_value=datetime(2060, 1, 1), timezones=st.just(UTC)
)


@search(max_examples=300)
@given(
    at=INSTANTS,
    phone=st.sampled_from(PHONES),
    name=st.sampled_from(ZONES),
    resting=st.sampled_from([frozenset(), frozenset({Category.MARKETING})]),
)
@example(datetime(2026, 3, 8, 7, tzinfo=UTC), ALABAMA, "America/Chicago", frozenset())
@example(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), PARIS, "Europe/Paris", frozenset())
@example(datetime(2026, 12, 24, 21, tzinfo=UTC), SYDNEY, None, frozenset({Category.MARKETING}))
def test_what_waits_comes_at_an_allowed_time_within_days(
    at: datetime, phone: str, name: str | None, resting: frozenset[Category]
) -> None:
    """Whatever the year, the zone and its changes of the clock: and it then waits no more."""
    quiet = QuietHours(own={Category.MARKETING: NIGHT}, by_law=True, resting=resting)
    text = marketing(phone, name)
    wait = quiet.wait(text, at)
    come = wait.until if wait else at
    assert at.replace(second=0, microsecond=0) <= come < at + timedelta(days=8)
    assert quiet.wait(text, come) is None
    local = come.astimezone(zone(wait.time_zone if wait else name or "UTC"))
    if wait or name:
        assert 8 <= local.hour < 21
        for place in places_of(Phone(phone)):
            rule = RULES.get(place)
            if rule and rule.holidays:
                assert local.date() not in holidays.holidays_of(place, local.year)
                assert any(
                    start <= local.hour * 60 + local.minute < end
                    for start, end in rule.hours.days[local.weekday()]
                )
