"""A plan's rules: each row is refused, skipped or goes out, by the review that asks in reality."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from messaging.domain.category import Category
from messaging.domain.consent import Consent, Said
from messaging.domain.destinations import Destinations
from messaging.domain.draft import Draft, Prepared, prepare
from messaging.domain.hours import Hours
from messaging.domain.job import Lane, Phone
from messaging.domain.plan import Going, Known, Refusal, Rules, Skip, Why, judge, out_of_bounds
from messaging.domain.quiet_hours import QuietHours
from messaging.domain.repeats import Repeats
from messaging.domain.review import Rulebook

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPEN = Rulebook(quiet_hours=QuietHours(own={}, by_law=False))
NIGHT = QuietHours(own={Category.MARKETING: Hours.outside("21:00-13:00")}, by_law=False)
STOP = Said(category="all", state=Consent.OPTED_OUT, event_id=1)


def draft(**given: object) -> Prepared:
    values = {"to": "+12025550123", "body": "Hello", "time_zone": "UTC", **given}
    return prepare(Draft(**values), None, None)  # type: ignore[arg-type]


def rules(book: Rulebook = OPEN, **given: object) -> Rules:
    values: dict[str, object] = {"stopped": {}, "lifetimes": {}, "now": NOON, **given}
    return Rules(book=book, **values)  # type: ignore[arg-type]


SKIPPED = [
    (Known(said=(STOP,)), draft(), rules(), Why.OPTED_OUT),
    (
        Known(),
        draft(),
        rules(replace(OPEN, with_consent=frozenset({Category.TRANSACTIONAL}))),
        Why.NO_CONSENT,
    ),
    (Known(dead_code=30005, dead_until=NOON + HOUR), draft(), rules(), Why.DEAD_NUMBER),
    (Known(), draft(expires_at=NOON), rules(), Why.DEADLINE),
    (
        Known(),
        draft(category=Category.MARKETING, expires_at=NOON + HOUR),
        rules(replace(OPEN, quiet_hours=NIGHT)),
        Why.DEADLINE,
    ),
    (Known(stop="country US"), draft(), rules(), Why.STOPPED),
    (Known(), draft(priority=9), rules(stopped={Lane.URGENT: "lane urgent"}), Why.STOPPED),
    # What the hand-over itself ends comes before what a review says.
    (Known(said=(STOP,)), draft(expires_at=NOON), rules(), Why.DEADLINE),
    (
        Known(said=(STOP,), dead_code=30005, dead_until=NOON + HOUR),
        draft(),
        rules(),
        Why.DEAD_NUMBER,
    ),
    # What holds for ever is told before what somebody will resume.
    (Known(said=(STOP,), stop="country US"), draft(), rules(), Why.OPTED_OUT),
]


@pytest.mark.parametrize(("known", "text", "by", "why"), SKIPPED)
def test_a_text_is_skipped_for_what_a_rule_has_against_it(
    known: Known, text: Prepared, by: Rules, why: Why
) -> None:
    verdict = judge(text, known, by)
    assert isinstance(verdict, Skip)
    assert why is verdict.why


GOING = [
    (Known(), draft(), rules(), NOON, False),
    (Known(), draft(scheduled_for=NOON - HOUR), rules(), NOON, False),
    (Known(), draft(scheduled_for=NOON + HOUR), rules(), NOON + HOUR, False),
    (Known(dead_code=30005, dead_until=NOON), draft(), rules(), NOON, False),
    (Known(), draft(), rules(stopped={Lane.URGENT: "lane urgent"}), NOON, False),
    (
        Known(),
        draft(category=Category.MARKETING),
        rules(replace(OPEN, quiet_hours=NIGHT)),
        NOON + HOUR,
        True,
    ),
]


@pytest.mark.parametrize(("known", "text", "by", "due", "waits"), GOING)
def test_a_text_goes_out_when_its_time_and_its_hours_allow_it(
    known: Known, text: Prepared, by: Rules, due: datetime, waits: bool
) -> None:
    verdict = judge(text, known, by)
    assert isinstance(verdict, Going)
    assert (due, waits) == (verdict.due, verdict.waits)


@pytest.mark.parametrize(
    ("priority", "scheduled_for", "expected"),
    [
        (0, None, NOON + HOUR),
        (0, NOON + HOUR, NOON + 2 * HOUR),
        (9, None, None),
    ],
)
def test_a_text_without_a_deadline_has_that_of_its_lane(
    priority: int, scheduled_for: datetime | None, expected: datetime | None
) -> None:
    by = rules(lifetimes={Lane.NORMAL: HOUR})
    verdict = judge(draft(priority=priority, scheduled_for=scheduled_for), Known(), by)
    assert isinstance(verdict, Going)
    assert expected == verdict.expires_at


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Destinations(), None),
        (Destinations(countries=frozenset({"US"})), None),
        (Destinations(countries=frozenset({"DE"})), Why.COUNTRY),
        (Destinations(blocked=("+1202",)), Why.BLOCKED),
        (Destinations(countries=frozenset({"DE"}), blocked=("+1202",)), Why.BLOCKED),
    ],
)
def test_a_country_and_a_prefix_are_told_apart(where: Destinations, expected: Why | None) -> None:
    found = out_of_bounds(Phone("+12025550123"), where)
    assert expected == (found.why if found else None)


KEY = {"idempotency_key": "k"}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (KEY, KEY, Skip),
        (KEY, {**KEY, "body": "Else"}, Refusal),
        (KEY, {**KEY, "to": "+12025550124"}, Refusal),
        (KEY, {**KEY, "scheduled_for": NOON, "priority": 5}, Skip),
        (KEY, {"idempotency_key": "K"}, type(None)),
        ({}, {}, type(None)),
    ],
)
def test_of_two_rows_with_a_key_the_first_counts(
    first: dict[str, object], second: dict[str, object], expected: type
) -> None:
    repeats = Repeats()
    assert repeats.find(draft(**first), None) is None
    repeats.keep(draft(**first), None)
    assert expected is type(repeats.find(draft(**second), None))


def test_of_two_rows_with_the_same_content_key_the_first_counts() -> None:
    repeats = Repeats()
    repeats.keep(draft(), UUID(int=1))
    assert isinstance(repeats.find(draft(), UUID(int=1)), Skip)
    assert repeats.find(draft(), UUID(int=2)) is None
