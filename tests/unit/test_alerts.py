"""Which figures make an alert, and when it is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from messaging.domain.alerts import (
    ADVICE,
    Alert,
    Began,
    Change,
    Ended,
    Fired,
    Name,
    Reading,
    Rules,
    Seen,
    changes,
    finite,
    sentence,
)
from messaging.pulse import looks_in
from messaging.settings import load

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RULES = Rules(thresholds={Name.HELD: 3.0}, patience=30 * SECOND, calm=60 * SECOND)


def reading(value: float | None) -> Reading:
    return Reading(name="held", subject="", value=value)


def alert(*, age: int, seen: int = 0, is_told: bool = False) -> Alert:
    """One that began `age` seconds ago and was last seen `seen` seconds ago."""
    since = NOW - age * SECOND
    return Alert(
        name="held", subject="", since=since, seen_at=NOW - seen * SECOND,
        fired_at=since if is_told else None, value=5.0,
    )  # fmt: skip


YOUNG, OLD = alert(age=29), alert(age=30)
TOLD, TOLD_CALM = alert(age=300, is_told=True), alert(age=300, seen=60, is_told=True)


@pytest.mark.parametrize(
    ("known", "value", "expected"),
    [
        (None, 2.9, []),
        (None, 3.0, [Began(reading=Reading(name="held", subject="", value=3.0))]),
        (None, None, []),
        (YOUNG, 4.0, [Seen(alert=YOUNG, value=4.0)]),
        (OLD, 4.0, [Fired(alert=OLD, value=4.0)]),
        (TOLD, 4.0, [Seen(alert=TOLD, value=4.0)]),
        (TOLD, 0.0, []),
        (TOLD_CALM, 0.0, [Ended(alert=TOLD_CALM, value=0.0)]),
        (TOLD_CALM, 3.0, [Seen(alert=TOLD_CALM, value=3.0)]),
        (TOLD_CALM, None, []),
        (alert(age=60, seen=29), 0.0, []),
        (alert(age=60, seen=30), 0.0, [Ended(alert=alert(age=60, seen=30), value=0.0)]),
    ],
)
def test_what_follows_from_a_figure(
    known: Alert | None, value: float | None, expected: list[Change]
) -> None:
    assert expected == changes(RULES, NOW, [known] if known else [], [reading(value)])


def test_a_threshold_of_nought_is_never_reached_and_resolves_what_fires() -> None:
    never = replace(RULES, thresholds={Name.HELD: 0.0})
    assert [] == changes(never, NOW, [], [reading(inf)])
    assert [Ended(alert=TOLD_CALM, value=9.0)] == changes(never, NOW, [TOLD_CALM], [reading(9.0)])


def test_an_alert_about_something_that_is_no_more_ends() -> None:
    assert [Ended(alert=TOLD_CALM, value=0.0)] == changes(RULES, NOW, [TOLD_CALM], [])


@pytest.mark.parametrize("name", Name)
def test_every_alert_has_a_sentence_and_an_advice(name: Name) -> None:
    assert sentence(name, "beat", 1.0).endswith(".")
    assert ADVICE[name].endswith(".")


@pytest.mark.parametrize(
    ("name", "subject", "value", "expected"),
    [
        ("silent", "beat", inf, "No sign of life of beat: none runs."),
        ("silent", "worker", 61, "No sign of life of a worker for 1 min 1 s."),
        ("queue_depth", "urgent", 50_000, "50,000 entries or more in the urgent queue."),
        ("failure_rate", "", 0.25, "25% of the latest texts failed or did not arrive."),
    ],
)
def test_what_is_wrong_is_told_in_words(
    name: str, subject: str, value: float, expected: str
) -> None:
    assert expected == sentence(name, subject, value)


def test_json_gets_no_figure_without_an_end() -> None:
    assert (None, 2.0) == (finite(inf), finite(2.0))


@pytest.mark.parametrize(("seconds", "expected"), [(60.0, 6), (61.0, 7), (1.0, 2)])
def test_a_process_looks_at_itself_at_least_twice_before_it_gives_itself_up(
    seconds: float, expected: int
) -> None:
    settings = load({"DATABASE_URL": "postgresql://x/x", "MESSAGING_PULSE": "10"})
    assert expected == looks_in(seconds, settings)
