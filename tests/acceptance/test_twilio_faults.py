"""Twilio fails, falls silent or reports badly: in the end it has each text once, and we know it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from messaging import Draft
from messaging.local.simulator import Call, Kind, Match, Rule
from tests.stack.batch import FULL_SIZE, LATEST, Batch, at, drafts, lateness, now, size
from tests.stack.stack import Stack

TEXTS = size(quick=40, full=500)
A_FIFTH = TEXTS // 5
DOUBTED = 300
LIMIT = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What goes wrong, and whether a callback tells of the delivery in the end."""

    rules: Sequence[Rule]
    delivered: bool = True


def fault(kind: Kind, count: int | None = A_FIFTH) -> Rule:
    """A fault of this kind for so many texts, or for all."""
    return Rule(kind=kind, count=count)


SILENT = fault(Kind.CALLBACK_LOST, count=None)
LATE = Rule(kind=Kind.LIST_LAG, delay_ms=3000)
"""Less than the quiescence time of the stack."""

SITUATIONS = {
    "server errors after accepting": Situation(rules=[fault(Kind.ERROR_AFTER)]),
    "server errors before accepting": Situation(rules=[fault(Kind.ERROR_BEFORE)]),
    "resets after accepting": Situation(rules=[fault(Kind.RESET_AFTER)]),
    "resets before accepting": Situation(rules=[fault(Kind.RESET_BEFORE)]),
    "truncated answers": Situation(rules=[fault(Kind.TRUNCATE)]),
    "answers without a SID": Situation(rules=[fault(Kind.NO_SID)]),
    "silence after accepting": Situation(rules=[fault(Kind.HANG_AFTER)]),
    "silence before accepting": Situation(rules=[fault(Kind.HANG_BEFORE)]),
    "too many requests": Situation(rules=[fault(Kind.TOO_MANY_REQUESTS)]),
    "lost callbacks": Situation(rules=[SILENT], delivered=False),
    "doubled callbacks": Situation(rules=[fault(Kind.CALLBACK_DOUBLED, count=None)]),
    "reordered callbacks": Situation(rules=[fault(Kind.CALLBACK_REORDERED, count=None)]),
    "neither answers nor callbacks": Situation(
        rules=[fault(Kind.RESET_AFTER), SILENT], delivered=False
    ),
    "a list that lags, and neither answers nor callbacks": Situation(
        rules=[fault(Kind.RESET_AFTER), SILENT, LATE], delivered=False
    ),
}


@pytest.fixture(scope="module")
def batches(fragile: Stack) -> Mapping[str, Batch]:
    """A batch for each of SITUATIONS, all on their way at the same time."""
    for name, situation in SITUATIONS.items():
        for rule in situation.rules:
            fragile.twilio.faults.add(replace(rule, match=about(name)))
    return {name: Batch.of(fragile, drafts(TEXTS, f"In {name}")) for name in SITUATIONS}


def about(name: str) -> Match:
    """The texts of a situation, for the simulator's rules."""
    return Match(body=f"In {name},")


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_text_is_accepted_once_and_marked_as_sent(
    fragile: Stack, batches: Mapping[str, Batch], name: str
) -> None:
    if SITUATIONS[name].delivered:
        batches[name].assert_delivered_once(LIMIT)
    else:
        batches[name].assert_sent_once(LIMIT)
    rules = [armed for armed in fragile.twilio.faults.armed if armed.rule.match == about(name)]
    assert 0 < min(armed.hits for armed in rules)


def test_a_text_that_twilio_rejects_fails_with_twilios_code(fragile: Stack) -> None:
    """+15005550001 is Twilio's own number for this."""
    batch = Batch.of(fragile, [Draft(to="+15005550001", body="To nobody")])
    fragile.wait_until(lambda: batch.are("failed"))
    message = fragile.messaging.status(batch.ids[0])
    assert (21211, []) == (message.error_code, batch.accepted())


@pytest.mark.skipif(not FULL_SIZE, reason="takes a minute: set MESSAGING_TEST_SCALE=full")
def test_scheduled_texts_go_out_in_time_while_twilios_list_does_not_answer(
    fragile: Stack,
) -> None:
    """Looking up what is in doubt must not keep beat's other work waiting."""
    unseen = Match(body="Never seen")
    for rule in (
        Rule(kind=Kind.RESET_AFTER, match=unseen),
        Rule(kind=Kind.CALLBACK_LOST, match=unseen),
        Rule(kind=Kind.HANG_BEFORE, call=Call.LIST),
    ):
        fragile.twilio.faults.add(rule)
    doubted = Batch.of(fragile, drafts(DOUBTED, "Never seen"))
    fragile.wait_until(lambda: doubted.are("in_doubt") and len(fragile.twilio.holds.held) > 0)
    begin = now(fragile)
    times = [begin + timedelta(seconds=n) for n in range(2, 60)]
    batch = Batch.of(fragile, at(times, "In time"))
    batch.assert_delivered_once()
    lags = lateness(batch, times)
    print(f"late by {min(lags):.2f} to {max(lags):.2f} s")
    assert max(lags) < LATEST
