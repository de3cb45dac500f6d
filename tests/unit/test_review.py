"""The review: what is claimed and may not go out, and what becomes of it."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from messaging.domain.category import Category
from messaging.domain.consent import Consent, Said
from messaging.domain.job import TRANSITIONS, Claim, JobId, Phone, Status
from messaging.domain.quiet_hours import QuietHours
from messaging.domain.review import (
    Defer,
    Expire,
    Objection,
    Rulebook,
    Suppress,
    review,
    sift,
    withhold,
)

CLAIM = Claim(
    id=JobId(UUID(int=1)),
    attempt=3,
    recipient_phone=Phone("+15555550100"),
    message_content="Hello",
    media_urls=(),
    retry_count=1,
    max_retries=3,
    in_doubt_policy=None,
    doubt_resends=0,
)
RULES = Rulebook(quiet_hours=QuietHours(own={}, by_law=False))
SECOND = timedelta(seconds=1)
OBJECTIONS: tuple[Objection, ...] = (
    Expire(reason="Too late."),
    Suppress(rule="country", reason="Not there."),
    Defer(rule="quiet_hours", reason="Not now.", due_in=SECOND),
)


def test_a_number_that_takes_no_texts_is_spared() -> None:
    objection = review(replace(CLAIM, dead_code=30006), RULES)
    assert isinstance(objection, Suppress)
    assert ("dead_number", True) == (objection.rule, "30006" in objection.reason)


def test_a_text_without_a_deadline_may_go_out() -> None:
    assert review(CLAIM, RULES) is None


@pytest.mark.parametrize(
    ("expires_in", "send_in", "goes_out"),
    [
        (SECOND, None, True),
        (0 * SECOND, None, False),
        (-SECOND, None, False),
        (3601 * SECOND, 3600 * SECOND, True),
        (3600 * SECOND, 3600 * SECOND, False),
    ],
)
def test_a_deadline_is_kept_to_the_instant(
    expires_in: timedelta, send_in: timedelta | None, goes_out: bool
) -> None:
    claim = replace(CLAIM, expires_in=expires_in, send_in=send_in)
    assert goes_out is (review(claim, RULES) is None)


@pytest.mark.parametrize("objection", OBJECTIONS, ids=lambda one: type(one).__name__)
def test_what_is_withheld_says_why_and_costs_no_retry(objection: Objection) -> None:
    outcome = withhold(CLAIM, objection, RULES)
    assert (CLAIM.id, CLAIM.attempt, None) == (
        outcome.job_id,
        outcome.attempt,
        outcome.retry_count,
    )
    assert outcome.status in TRANSITIONS[Status.PROCESSING]
    assert objection.reason == outcome.details["reason"]
    assert objection.reason == (outcome.error_details or {})["message"]


def test_only_what_is_deferred_has_a_time() -> None:
    times = [withhold(CLAIM, objection, RULES).due_in for objection in OBJECTIONS]
    assert [None, None, SECOND] == times


def test_claims_are_sifted_in_their_order() -> None:
    late = replace(CLAIM, id=JobId(UUID(int=2)), expires_in=-SECOND)
    other = replace(CLAIM, id=JobId(UUID(int=3)))
    claims, withheld = sift([CLAIM, late, other], RULES)
    assert [CLAIM, other] == claims
    assert [late.id] == [outcome.job_id for outcome in withheld]


@pytest.mark.parametrize(
    ("category", "said", "rule"),
    [
        (Category.TRANSACTIONAL, None, None),
        (Category.MARKETING, None, "consent"),
        (Category.MARKETING, Said(category="all", state=Consent.OPTED_IN, event_id=1), None),
        (Category.MARKETING, Said(category="marketing", state=Consent.OPTED_IN, event_id=1), None),
        (
            Category.MARKETING,
            Said(category="transactional", state=Consent.OPTED_IN, event_id=1),
            "consent",
        ),
        (Category.MARKETING, Said(category="all", state=Consent.OPTED_OUT, event_id=1), "opt_out"),
        (
            Category.TRANSACTIONAL,
            Said(category="marketing", state=Consent.OPTED_OUT, event_id=1),
            None,
        ),
    ],
)
def test_a_category_may_need_an_opt_in(
    category: Category, said: Said | None, rule: str | None
) -> None:
    rules = replace(RULES, with_consent=frozenset({Category.MARKETING}))
    claim = replace(CLAIM, category=category, said=(said,) if said else ())
    objection = review(claim, rules)
    assert rule == (objection.rule if isinstance(objection, Suppress) else None)
