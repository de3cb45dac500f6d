"""Rulebooks: the same rules have the same key, others another; a rule that changes says so."""

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from messaging.domain import consent, destinations, hours, places, quiet_hours, review
from messaging.domain.caps import Caps
from messaging.domain.category import Category
from messaging.domain.consent import Consent, Said
from messaging.domain.destinations import Destinations
from messaging.domain.hours import Hours
from messaging.domain.job import Claim, JobId, Phone
from messaging.domain.quiet_hours import QuietHours
from messaging.domain.review import RULES, Rulebook, sift
from messaging.domain.rulebooks import in_words, write
from messaging.explanation.ruling import Record, ruling
from messaging.postgres.messages import Event
from messaging.postgres.rulebooks import RuleVersion

NIGHT = Hours.outside("21:00-08:00")
BOOK = Rulebook(quiet_hours=QuietHours(own={Category.MARKETING: NIGHT}, by_law=True))
CLAIM = Claim(
    id=JobId(UUID(int=1)),
    attempt=1,
    recipient_phone=Phone("+15555550100"),
    message_content="Sale",
    media_urls=(),
    retry_count=0,
    max_retries=3,
    in_doubt_policy=None,
    doubt_resends=0,
    category=Category.MARKETING,
    claimed_at=datetime(2026, 11, 30, 3, tzinfo=UTC),
)
NOON = replace(CLAIM, claimed_at=datetime(2026, 11, 30, 18, tzinfo=UTC))
AT = datetime(2026, 11, 30, tzinfo=UTC)
PINNED = {
    "consent": (1, "0cb7187dd6e2"),
    "deadline": (1, "5ae816962ff5"),
    "dead_number": (1, "a0c1e73612ea"),
    "destination": (1, "a45dda793f52"),
    "quiet_hours": (1, "e8c2e7973eb3"),
}
"""What each version of a rule is: whoever changes a rule raises its version, and pins it here."""


MADE_OF: Mapping[str, Sequence[object]] = {
    "consent": [consent.last_word],
    "destination": [destinations],
    "quiet_hours": [quiet_hours, hours, places],
}
"""What a rule asks in its turn, beside the function of the review."""


def source(rule: review.Rule) -> str:
    """A digest of what it does, as it is written."""
    written = [inspect.getsource(of) for of in (rule.ask, *MADE_OF.get(rule.name, ()))]  # type: ignore[arg-type]
    return hashlib.sha256("".join(written).encode()).hexdigest()[:12]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_that_changes_has_another_version(rule: review.Rule) -> None:
    now = (rule.version, source(rule))
    assert PINNED[rule.name] == now, "raise its version if it rules otherwise, then pin what it is"


def test_the_same_rules_have_the_same_key_and_others_another() -> None:
    others = [
        BOOK,
        replace(BOOK, with_consent=frozenset({Category.MARKETING})),
        replace(BOOK, caps=Caps(recipient_day=3)),
        replace(BOOK, destinations=Destinations(countries=frozenset({"US"}))),
        replace(BOOK, destinations=Destinations(blocked=("+1900",))),
        replace(BOOK, quiet_hours=replace(BOOK.quiet_hours, by_law=False)),
        replace(BOOK, quiet_hours=replace(BOOK.quiet_hours, default_zone="Asia/Tokyo")),
        replace(BOOK, quiet_hours=replace(BOOK.quiet_hours, own={})),
    ]
    assert len(others) == len({write(book).key for book in others})
    assert write(BOOK) == write(replace(BOOK))


def test_a_rulebook_names_every_rule_that_is_asked_and_no_number() -> None:
    blocked = replace(BOOK, destinations=Destinations(blocked=("+15555550100",)))
    written = write(blocked).rules
    names = [rule["rule"] for rule in json.loads(written)]
    assert ["stop", "cap", *(rule.name for rule in RULES)] == names
    assert "+15555550100" not in written
    assert in_words(json.loads(written)).startswith("stop 1, cap 1, consent 1, deadline 1")
    assert "laws as of" in in_words(json.loads(written))


def test_a_text_that_is_withheld_tells_all_that_was_asked_and_what_was_said() -> None:
    _, (deferred,) = sift([CLAIM], BOOK)
    asked = deferred.details["asked"]
    assert isinstance(asked, list)
    assert [rule.name for rule in RULES] == [one["rule"] for one in asked]
    assert ["nothing against it"] * 4 == [one["said"] for one in asked[:4]]
    assert asked[-1]["said"] == deferred.details["reason"]


def test_what_comes_after_the_rule_that_objects_is_not_asked() -> None:
    no = Said(category="all", state=Consent.OPTED_OUT, event_id=1)
    _, (suppressed,) = sift([replace(CLAIM, said=(no,))], BOOK)
    asked = [{"rule": "consent", "version": 1, "said": "The recipient opted out."}]
    assert asked == suppressed.details["asked"]


def test_a_text_that_passes_costs_no_more_than_a_key() -> None:
    assert ([NOON], []) == sift([NOON], BOOK)


def event(kind: str, **details: object) -> Event:
    return Event(
        at=AT, kind=kind, attempt=1, twilio_sid=None, delivery_status=None, details=details
    )


RECORD = Record(
    books={"abc": [{"rule": "stop", "version": 1}, {"rule": "dead_number", "version": 2}]},
    versions=[
        RuleVersion(rule="dead_number", version=1, since=AT - timedelta(days=2)),
        RuleVersion(rule="dead_number", version=2, since=AT - timedelta(days=1)),
        RuleVersion(rule="dead_number", version=3, since=AT + timedelta(days=1)),
        RuleVersion(rule="stop", version=1, since=AT - timedelta(days=2)),
        RuleVersion(rule="deadline", version=1, since=AT - timedelta(days=2)),
    ],
)


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        (event("settled"), ""),
        (
            event("settled", rules="abc"),
            "Rules asked, with nothing against it: stop 1, dead number 2.",
        ),
        (
            event("settled", rules="lost"),
            "The rules that were asked are not on record any more (lost).",
        ),
        (
            event(
                "settled",
                rules="abc",
                asked=[
                    {"rule": "consent", "version": 1, "said": "nothing against it"},
                    {"rule": "dead_number", "version": 2, "said": "The number takes no texts."},
                ],
            ),
            "Rules asked: consent 1: nothing against it; dead number 2: The number takes no texts.",
        ),
        (event("suppressed", rule="dead_number", reason="No."), "The rule was dead number 2."),
        (event("stopped", scope="all"), "The rule was stop 1."),
        (event("expired"), "The rule was deadline 1."),
        (
            event("deferred", version="1, laws as of now"),
            "The rule was quiet hours 1, laws as of now.",
        ),
    ],
)
def test_what_rules_had_to_do_with_an_event_is_told_in_a_sentence(
    happened: Event, said: str
) -> None:
    assert said == ruling(happened, RECORD)
