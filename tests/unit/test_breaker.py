"""The breaker: what each answer says, and what follows from it, as tables."""

from dataclasses import replace
from datetime import timedelta

import pytest

from messaging.domain.answers import Accepted, Answer, Fault, InDoubt, NotSent, Rejected
from messaging.domain.breaker import (
    Passage,
    Record,
    Rules,
    State,
    Tally,
    fails_often,
    follows,
    opened,
)
from messaging.domain.job import Sid
from messaging.domain.standing import stands
from messaging.domain.verdict import Scope, Verdict, judge

SECOND = 1_000_000
NOW = 1_764_450_000 * SECOND
RULES = Rules(
    volume=10,
    share=0.5,
    window=timedelta(seconds=30),
    first=timedelta(seconds=5),
    longest=timedelta(seconds=30),
)
FORGOTTEN = Record()
CLOSED = Record(state=State.CLOSED, generation=3, times=2, closed_at=NOW - 3600 * SECOND)
OPEN = Record(
    state=State.OPEN, generation=4, times=1, since=NOW - 5 * SECOND, reason="before", probe="mine"
)
TRIED = replace(FORGOTTEN, probe="mine", probe_until=NOW + 1)
MINE = Passage(probe="mine", generations=(4, 0))
CALM = Passage(generations=(3, 0))
LATE = Passage(generations=(2, 0))
HUSHED = replace(OPEN, silent=1)

WORKS = Verdict(account=True, sender=True)
FAILS = Verdict(account=False, reason="silence")
REFUSED = Verdict(account=False, at_once=True, reason="20003: wrong")
NOTHING = Verdict()
CROWDED = Verdict(
    account=False, at_once=True, crowded=True, reason="429", wait=timedelta(seconds=7)
)
WAITS = Verdict(wait=timedelta(seconds=7))

CONFIGURATION = Fault.CONFIGURATION
ANSWERS: list[tuple[str, Answer, Verdict]] = [
    ("taken", Accepted(sid=Sid("SM1"), status="queued"), WORKS),
    (
        "the text is to blame",
        Rejected(code=21211, message="no", fault=Fault.MESSAGE),
        Verdict(account=True),
    ),
    (
        "a queue is full",
        Rejected(code=21611, message="full", fault=Fault.BACK_PRESSURE),
        Verdict(account=True),
    ),
    (
        "credentials",
        Rejected(code=20003, message="wrong", fault=CONFIGURATION, pauses=True),
        REFUSED,
    ),
    (
        "a proxy's 403",
        Rejected(code=None, message="HTTP 403", fault=CONFIGURATION, pauses=True),
        Verdict(account=False, at_once=True, reason="HTTP 403"),
    ),
    (
        "the sender",
        Rejected(code=21660, message="not ours", fault=CONFIGURATION, pauses=True, of_sender=True),
        Verdict(account=True, sender=False, at_once=True, reason="21660: not ours"),
    ),
    (
        "the sender, perhaps for this recipient",
        Rejected(code=21606, message="cannot", fault=CONFIGURATION, of_sender=True),
        Verdict(account=True, sender=False, reason="21606: cannot"),
    ),
    (
        "this recipient",
        Rejected(code=21703, message="none", fault=CONFIGURATION),
        Verdict(account=True),
    ),
    ("in doubt", InDoubt(reason="silence"), FAILS),
    ("no connection", NotSent(reason="silence", unreachable=True), FAILS),
    ("too late", NotSent(reason="late", costs_retry=False), NOTHING),
    (
        "a 429",
        NotSent(reason="429", crowded=True, retry_after=timedelta(seconds=7)),
        WAITS,
    ),
    (
        "a 429 to a single request",
        NotSent(reason="429", crowded=True, pauses=True, retry_after=timedelta(seconds=7)),
        CROWDED,
    ),
]


@pytest.mark.parametrize(
    ("answer", "verdict"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
def test_an_answer_says_this_of_account_and_sender(answer: Answer, verdict: Verdict) -> None:
    assert verdict == judge(answer)


def tallies(*counts: tuple[int, int, int]) -> list[Tally]:
    """Age, passed, failed of each second."""
    return [Tally(age=age, passed=passed, failed=failed) for age, passed, failed in counts]


@pytest.mark.parametrize(
    ("counts", "is_often"),
    [
        ([(0, 0, 9)], False),
        ([(0, 0, 10)], True),
        ([(0, 6, 5)], False),
        ([(0, 5, 5)], True),
        ([(0, 0, 5), (20, 0, 5)], True),
        ([(0, 0, 5), (30, 0, 5)], False),
        ([(0, 0, 5), (20, 6, 0)], False),
        # Where much is sent, what is older than two seconds does not matter.
        ([(0, 0, 4000), (1, 4000, 0), (2, 4000, 0)], True),
        ([(0, 0, 3000), (1, 4000, 0), (2, 0, 4000)], False),
        ([(1, 0, 4000), (2, 4000, 0)], True),
        ([], False),
    ],
)
def test_it_opens_for_failures_only_where_they_are_many_of_many(
    counts: list[tuple[int, int, int]], is_often: bool
) -> None:
    assert is_often is fails_often(RULES, tallies(*counts))
    assert is_often is fails_often(RULES, reversed(tallies(*counts)))


MANY, FEW = tallies((0, 0, 20)), tallies((0, 100, 1))


@pytest.mark.parametrize(
    ("record", "passage", "verdicts", "lately", "state", "times", "wait"),
    [
        (CLOSED, CALM, [WORKS, REFUSED], FEW, State.OPEN, 1, 5),
        (CLOSED, CALM, [FAILS], MANY, State.OPEN, 1, 5),
        (CLOSED, CALM, [CROWDED], FEW, None, 0, 0),
        (CLOSED, CALM, [CROWDED], tallies((0, 0, 1), (2, 100, 0)), State.OPEN, 1, 7),
        (CLOSED, CALM, [FAILS], FEW, None, 0, 0),
        (CLOSED, CALM, [WORKS, NOTHING], MANY, None, 0, 0),
        (CLOSED, LATE, [REFUSED], MANY, None, 0, 0),
        (replace(CLOSED, closed_at=NOW - 9 * SECOND), CALM, [REFUSED], FEW, State.OPEN, 3, 20),
        (replace(CLOSED, closed_at=NOW - 10 * SECOND), CALM, [REFUSED], FEW, State.OPEN, 1, 5),
        (OPEN, MINE, [WORKS], FEW, State.CLOSED, 1, None),
        (OPEN, MINE, [FAILS], FEW, State.OPEN, 2, 10),
        (OPEN, MINE, [REFUSED], FEW, State.OPEN, 2, 10),
        (replace(OPEN, times=9), MINE, [FAILS], FEW, State.OPEN, 10, 30),
        (OPEN, MINE, [NOTHING], FEW, State.OPEN, 1, 0),
        (OPEN, MINE, [WAITS], FEW, State.OPEN, 1, 7),
        (OPEN, MINE, [], FEW, State.OPEN, 1, 0),
        (OPEN, Passage(probe="another"), [WORKS], FEW, None, 0, 0),
        (OPEN, CALM, [WORKS, REFUSED], MANY, None, 0, 0),
        (HUSHED, CALM, [FAILS, WORKS], MANY, State.CLOSED, 1, None),
        (HUSHED, CALM, [FAILS], MANY, None, 0, 0),
        (HUSHED, LATE, [WORKS], FEW, None, 0, 0),
        (HUSHED, MINE, [FAILS], FEW, State.OPEN, 2, 10),
        (FORGOTTEN, CALM, [WORKS, FAILS], MANY, State.CLOSED, 0, None),
        (FORGOTTEN, CALM, [REFUSED], FEW, State.OPEN, 1, 5),
        (FORGOTTEN, CALM, [FAILS], FEW, None, 0, 0),
        (FORGOTTEN, CALM, [FAILS], MANY, State.OPEN, 1, 5),
        (TRIED, MINE, [REFUSED], FEW, State.OPEN, 1, 5),
        (TRIED, MINE, [FAILS], MANY, State.OPEN, 1, 5),
        (TRIED, MINE, [FAILS], FEW, State.FORGOTTEN, 0, 0),
        (TRIED, MINE, [WAITS], FEW, State.FORGOTTEN, 0, 0),
        (TRIED, Passage(probe="earlier"), [WORKS], FEW, State.CLOSED, 0, None),
    ],
)
def test_what_follows_from_answers(
    record: Record,
    passage: Passage,
    verdicts: list[Verdict],
    lately: list[Tally],
    state: State | None,
    times: int,
    wait: int | None,
) -> None:
    after = follows(RULES, Scope.ACCOUNT, record, NOW, passage, verdicts, lately)
    if state is None:
        assert None is after
        return
    assert after is not None
    assert (state, times, "") == (after.state, after.times, after.probe)
    if wait is not None and after.probe_at:
        assert wait == (after.probe_at - NOW) / SECOND


def test_each_opening_is_a_generation_and_a_failed_probe_none() -> None:
    first = opened(RULES, CLOSED, NOW, REFUSED)
    again = opened(RULES, first, NOW + SECOND, FAILS)
    assert (4, 4) == (first.generation, again.generation)
    assert (NOW, NOW) == (first.since, again.since)
    assert ("20003: wrong", "silence") == (first.reason, again.reason)


def test_what_says_nothing_of_the_sender_leaves_its_breaker_open() -> None:
    """An invalid recipient may have been refused before Twilio looked at the sender."""
    verdict = judge(Rejected(code=21211, message="no", fault=Fault.MESSAGE))
    passage = replace(MINE, generations=(4, 4))
    account, sender = (follows(RULES, scope, OPEN, NOW, passage, [verdict], FEW) for scope in Scope)
    assert account is not None
    assert sender is not None
    assert (State.CLOSED, State.OPEN) == (account.state, sender.state)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (CLOSED, ""),
        (FORGOTTEN, ""),
        (
            opened(RULES, CLOSED, NOW, REFUSED),
            "20003: wrong. Since 21:00:00 UTC; it is tried again at 21:00:05 UTC.",
        ),
        (OPEN, "before. Since 20:59:55 UTC; it is tried again with the next text."),
    ],
)
def test_a_breaker_says_why_since_when_and_when_it_is_tried_again(
    record: Record, sentence: str
) -> None:
    assert sentence == stands(Scope.ACCOUNT, record, NOW).sentence
