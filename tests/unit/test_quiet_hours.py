"""Quiet hours: whose rules hold, on whose clocks, and which text is exempt."""

import os
from datetime import UTC, datetime, timedelta

import phonenumbers
import pytest

from messaging.domain.category import Category
from messaging.domain.hour_rules import RULES, STATE_OF_AREA, WRITTEN
from messaging.domain.hours import Hours
from messaging.domain.job import Phone
from messaging.domain.places import places_of, zones_of
from messaging.domain.quiet_hours import QuietHours, Recipient
from messaging.domain.zones import zone

NIGHT = Hours.outside("21:00-08:00")
RULED = QuietHours(own={Category.MARKETING: NIGHT}, by_law=True)
OWN = QuietHours(own={Category.MARKETING: NIGHT, Category.TRANSACTIONAL: NIGHT}, by_law=False)
SUNDAY = datetime(2026, 11, 29, 3, tzinfo=UTC)
BERLIN, MIAMI, AUSTIN = "+4915123456789", "+13055552671", "+15125552671"
TOLL_FREE, RUSSIAN, AUSTRALIAN = "+18005552671", "+79161234567", "+61412345678"


def marketing(phone: str, time_zone: str | None = None, *, urgent: bool = False) -> Recipient:
    return Recipient(
        phone=Phone(phone), category=Category.MARKETING, time_zone=time_zone, urgent=urgent
    )


@pytest.mark.parametrize(
    ("phone", "at", "until"),
    [
        (BERLIN, "2026-11-29T03:00", "2026-11-29T07:00"),
        (MIAMI, "2026-11-29T00:59", None),
        (MIAMI, "2026-11-29T01:00", "2026-11-29T13:00"),
        ("+14155552671", "2026-11-29T04:59", None),
        ("+14155552671", "2026-11-29T05:00", "2026-11-29T16:00"),
        (AUSTIN, "2026-11-29T15:00", "2026-11-29T18:00"),
        (AUSTIN, "2026-11-30T14:00", "2026-11-30T15:00"),
        ("+33612345678", "2026-11-28T10:00", "2026-11-30T09:00"),
        ("+33612345678", "2026-11-30T12:00", "2026-11-30T13:00"),
        ("+16135551234", "2026-11-29T14:00", "2026-11-29T15:00"),
    ],
)
def test_marketing_keeps_the_strictest_rule_of_its_place(
    phone: str, at: str, until: str | None
) -> None:
    wait = RULED.wait(marketing(phone), datetime.fromisoformat(at).replace(tzinfo=UTC))
    expected = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    assert expected == (wait.until if wait else None)


def test_a_number_is_not_looked_at_where_its_texts_never_wait() -> None:
    zones_of.cache_clear()
    assert RULED.wait(Recipient(phone=Phone(AUSTIN)), SUNDAY) is None
    assert 0 == zones_of.cache_info().misses
    RULED.wait(marketing(AUSTIN), SUNDAY)
    assert 1 == zones_of.cache_info().misses


@pytest.mark.parametrize("phone", [TOLL_FREE, RUSSIAN, AUSTRALIAN])
def test_a_number_with_many_zones_waits_for_the_time_that_suits_all(phone: str) -> None:
    names = zones_of(Phone(phone))
    assert len(names) > 5
    for hours in range(0, 24 * 7, 5):
        at = SUNDAY + timedelta(hours=hours)
        wait = RULED.wait(marketing(phone), at)
        instant = wait.until if wait else at
        clocks = [instant.astimezone(zone(name)).hour for name in names]
        assert all(8 <= hour < 21 for hour in clocks), (at, clocks)


def test_the_zone_of_the_recipient_counts_alone() -> None:
    at = datetime(2026, 11, 30, 9, tzinfo=UTC)
    assert RULED.wait(marketing(RUSSIAN, "Europe/Moscow"), at) is None
    assert RULED.wait(marketing(MIAMI, "Pacific/Honolulu"), at) is not None


def test_a_number_without_a_zone_has_the_default_one() -> None:
    unknown = marketing("+883510000000")
    tokyo = QuietHours(own={Category.MARKETING: NIGHT}, by_law=True, default_zone="Asia/Tokyo")
    assert tokyo.wait(unknown, SUNDAY) is None
    wait = RULED.wait(unknown, SUNDAY)
    assert wait is not None
    assert "UTC" == wait.time_zone


def test_urgent_texts_are_exempt_from_our_hours_and_not_from_the_law() -> None:
    assert RULED.wait(marketing(BERLIN, urgent=True), SUNDAY) is None
    wait = RULED.wait(marketing(MIAMI, urgent=True), SUNDAY)
    assert wait is not None
    assert "the hours of the United States (TCPA) and the hours of Florida" == wait.reason


@pytest.mark.parametrize(("urgent", "waits"), [(False, True), (True, False)])
def test_transactional_texts_wait_only_where_that_is_set(urgent: bool, waits: bool) -> None:
    text = Recipient(phone=Phone(MIAMI), urgent=urgent)
    assert RULED.wait(text, SUNDAY) is None
    assert waits is (OWN.wait(text, SUNDAY) is not None)
    assert not RULED.concern(Category.TRANSACTIONAL, urgent=urgent)
    assert waits is OWN.concern(Category.TRANSACTIONAL, urgent=urgent)


def test_the_sentence_tells_the_time_on_the_recipients_clock() -> None:
    wait = RULED.wait(marketing(BERLIN), SUNDAY)
    assert wait is not None
    assert "It waits until 08:00 on 29 Nov 2026 in Europe/Berlin: quiet hours." == wait.sentence


def test_hours_that_exclude_each_other_keep_nothing_for_ever() -> None:
    evening = QuietHours(own={Category.MARKETING: Hours.outside("06:00-23:00")}, by_law=True)
    wait = evening.wait(marketing(MIAMI), SUNDAY)
    assert wait is not None
    assert wait.until < SUNDAY + timedelta(days=1)


def test_every_rule_has_its_source_and_leaves_time_every_week() -> None:
    assert WRITTEN.year >= 2026
    for place, rule in RULES.items():
        assert place == rule.place
        assert rule.source
        assert not (rule.hours & NIGHT).is_empty


def test_area_codes_belong_to_one_state_each() -> None:
    assert ("US", "US-FL") == places_of(Phone(MIAMI))
    assert ("US", "US-TX") == places_of(Phone(AUSTIN))
    assert ("US",) == places_of(Phone(TOLL_FREE))
    assert ("CA",) == places_of(Phone("+16135551234"))
    assert set(STATE_OF_AREA.values()) == {place for place in RULES if place.startswith("US-")}


@pytest.mark.skipif(
    os.environ.get("MESSAGING_TEST_SCALE") != "full", reason="reads 200 MB of places: 5 s"
)
def test_area_codes_are_those_of_libphonenumber() -> None:
    from phonenumbers import geocoder

    names = {
        "Alabama": "US-AL", "Connecticut": "US-CT", "Florida": "US-FL", "Kentucky": "US-KY",
        "Louisiana": "US-LA", "Massachusetts": "US-MA", "Maryland": "US-MD",
        "Mississippi": "US-MS", "Oklahoma": "US-OK", "Pennsylvania": "US-PA",
        "Rhode Island": "US-RI", "Texas": "US-TX", "Utah": "US-UT", "Washington State": "US-WA",
    }  # fmt: skip
    for area in range(200, 1000):
        number = phonenumbers.PhoneNumber(country_code=1, national_number=area * 10**7 + 2345678)
        state = names.get(geocoder.description_for_number(number, "en"))
        if state:
            assert state == STATE_OF_AREA.get(str(area)), area
