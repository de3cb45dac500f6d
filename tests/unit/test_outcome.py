"""What each answer of Twilio means for the job that was claimed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.domain.answers import Accepted, Answer, Fault, InDoubt, NotSent, Rejected
from messaging.domain.job import Claim, InDoubtPolicy, JobId, Phone, Sid, Status, can_become
from messaging.domain.outcome import (
    HANDOVER_GRACE,
    MAX_RESENDS,
    Outcome,
    RetryRules,
    outcome,
)

SID = Sid("SM" + "0" * 32)
MINUTE = timedelta(minutes=1)
CLAIM = Claim(
    id=JobId(UUID(int=1)),
    attempt=3,
    recipient_phone=Phone("+15555550100"),
    message_content="Hello",
    media_urls=(),
    retry_count=0,
    max_retries=3,
    in_doubt_policy=None,
    doubt_resends=0,
)
KEPT = replace(CLAIM, send_at=datetime(2090, 1, 1, tzinfo=UTC), send_in=timedelta(hours=2))
RULES = RetryRules(
    base=2 * MINUTE,
    longest=60 * MINUTE,
    jitter=0.0,
    default_policy=InDoubtPolicy.RECONCILE,
)

ACCEPTED = Accepted(sid=SID, status="queued", segments=2)
WRONG_TEXT = Rejected(code=21211, message="Invalid number", fault=Fault.MESSAGE)
WRONG_SENDER = Rejected(code=21606, message="Not our number", fault=Fault.CONFIGURATION)
TOO_MUCH = Rejected(code=30022, message="Slow down", fault=Fault.BACK_PRESSURE, wait=5 * MINUTE)
NO_CONNECTION = NotSent(reason="no route", costs_retry=False, retry_after=MINUTE)
TOO_MANY = NotSent(reason="429", costs_retry=False)
NOT_SENT = NotSent(reason="TLS failed")
SILENCE = InDoubt(reason="read timed out")
ANSWERS = (
    ACCEPTED, WRONG_TEXT, WRONG_SENDER, TOO_MUCH, NO_CONNECTION, TOO_MANY, NOT_SENT, SILENCE,
)  # fmt: skip


def of(claim: Claim, answer: Answer, rules: RetryRules = RULES) -> Outcome:
    return outcome(claim, answer, rules, Random(1))


@pytest.mark.parametrize(
    ("answer", "status", "due_in", "retry_count", "code"),
    [
        (ACCEPTED, "sent", None, None, None),
        (WRONG_TEXT, "failed", None, None, 21211),
        (WRONG_SENDER, "retrying", 2 * MINUTE, None, 21606),
        (TOO_MUCH, "retrying", 5 * MINUTE, None, 30022),
        (NO_CONNECTION, "retrying", MINUTE, None, None),
        (TOO_MANY, "retrying", 2 * MINUTE, None, None),
        (NOT_SENT, "retrying", 2 * MINUTE, 1, None),
        (SILENCE, "in_doubt", timedelta(seconds=5), None, None),
    ],
    ids=str,
)
def test_each_answer_has_its_outcome(
    answer: Answer,
    status: str,
    due_in: timedelta | None,
    retry_count: int | None,
    code: int | None,
) -> None:
    result = of(CLAIM, answer)
    assert (status, due_in, retry_count) == (result.status, result.due_in, result.retry_count)
    assert (code, False, "settled") == (result.error_code, result.handed_over, result.kind)


@given(
    st.sampled_from(ANSWERS),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, MAX_RESENDS + 1),
    st.sampled_from([None, *InDoubtPolicy]),
    st.booleans(),
)
def test_every_outcome_can_be_written(
    answer: Answer,
    retry_count: int,
    max_retries: int,
    resends: int,
    policy: InDoubtPolicy | None,
    for_twilio_to_keep: bool,
) -> None:
    claim = replace(
        KEPT if for_twilio_to_keep else CLAIM,
        retry_count=retry_count,
        max_retries=max_retries,
        doubt_resends=resends,
        in_doubt_policy=policy,
    )
    result = of(claim, answer)
    assert (claim.id, claim.attempt) == (result.job_id, result.attempt)
    assert can_become(Status.PROCESSING, result.status)
    assert (result.status in (Status.SENT, Status.FAILED, Status.HELD)) == (result.due_in is None)
    assert result.due_in is None or result.due_in > timedelta(0)
    assert (result.status is Status.SENT) <= (result.twilio_sid is not None)
    assert isinstance(answer, Accepted) == (result.twilio_sid is not None)
    assert (result.status is Status.FAILED) <= bool(result.error_details)
    assert "answer" in result.details


def test_an_accepted_text_keeps_what_twilio_said() -> None:
    result = of(CLAIM, ACCEPTED)
    assert (SID, "queued", 2) == (result.twilio_sid, result.delivery_status, result.segments)
    assert None is result.error_details


def test_retries_are_spent_one_by_one_and_then_the_job_fails() -> None:
    claim, waits = CLAIM, []
    while (result := of(claim, NOT_SENT)).status is Status.RETRYING:
        waits.append(result.due_in)
        claim = replace(claim, retry_count=result.retry_count or 0)
    assert [2 * MINUTE, 4 * MINUTE, 8 * MINUTE] == waits
    assert (Status.FAILED, 3, None) == (result.status, result.retry_count, result.due_in)
    assert {"message": "TLS failed"} == result.error_details


def test_a_job_without_retries_fails_at_once() -> None:
    result = of(replace(CLAIM, max_retries=0), NOT_SENT)
    assert (Status.FAILED, 0) == (result.status, result.retry_count)


def test_what_the_job_is_not_to_blame_for_costs_no_retry_however_often() -> None:
    spent = replace(CLAIM, retry_count=3)
    for answer in (WRONG_SENDER, TOO_MUCH, NO_CONNECTION, TOO_MANY):
        result = of(spent, answer)
        assert (Status.RETRYING, None) == (result.status, result.retry_count)


def test_twilios_wish_when_to_come_back_is_followed() -> None:
    answer = NotSent(reason="busy", retry_after=timedelta(seconds=7))
    assert timedelta(seconds=7) == of(CLAIM, answer).due_in


@given(st.integers(0, 20), st.floats(0, 1), st.integers())
def test_the_wait_doubles_up_to_the_longest_and_stays_within_the_jitter(
    retries: int, jitter: float, seed: int
) -> None:
    rules = replace(RULES, jitter=jitter)
    plain = min(2 * MINUTE * 2**retries, 60 * MINUTE)
    wait = rules.delay(retries, Random(seed))
    slack = timedelta(microseconds=1)
    assert plain * (1 - jitter) - slack <= wait <= plain * (1 + jitter) + slack


@given(st.integers(0, 20))
def test_without_jitter_the_wait_never_shrinks(retries: int) -> None:
    waits = [RULES.delay(retries + more, Random(1)) for more in (0, 1)]
    assert sorted(waits) == waits


def test_jitter_spreads_retries() -> None:
    rules, dice = replace(RULES, jitter=0.1), Random(1)
    assert 100 == len({rules.delay(1, dice) for _ in range(100)})


@pytest.mark.parametrize(
    ("policy", "resends", "status", "due_in", "after"),
    [
        ("reconcile", 0, "in_doubt", timedelta(seconds=5), 0),
        ("hold", 0, "held", None, 0),
        ("fail", 0, "failed", None, 0),
        ("resend", 0, "retrying", MINUTE, 1),
        ("resend", 1, "retrying", MINUTE, 2),
        ("resend", 2, "held", None, 2),
        ("resend", 3, "held", None, 3),
    ],
)
@pytest.mark.parametrize("named_by", ["job", "default"])
def test_what_an_unseen_answer_means_is_the_policys_word(
    policy: str,
    resends: int,
    status: str,
    due_in: timedelta | None,
    after: int,
    named_by: str,
) -> None:
    chosen = InDoubtPolicy(policy)
    claim = replace(CLAIM, doubt_resends=resends)
    rules = RULES
    if named_by == "job":
        claim = replace(claim, in_doubt_policy=chosen)
    else:
        rules = replace(RULES, default_policy=chosen)
    result = of(claim, SILENCE, rules)
    assert (status, due_in, after) == (result.status, result.due_in, result.doubt_resends)
    assert "read timed out" in str(result.error_details)


def test_a_jobs_own_policy_outweighs_the_default() -> None:
    claim = replace(CLAIM, in_doubt_policy=InDoubtPolicy.HOLD)
    rules = replace(RULES, default_policy=InDoubtPolicy.RESEND)
    assert Status.HELD == of(claim, SILENCE, rules).status


def test_a_text_that_twilio_keeps_is_scheduled_until_some_time_after_its_time() -> None:
    result = of(KEPT, replace(ACCEPTED, status="scheduled"))
    expected = (Status.SCHEDULED, True, timedelta(hours=2) + HANDOVER_GRACE, SID)
    assert expected == (result.status, result.handed_over, result.due_in, result.twilio_sid)


def test_a_text_that_twilio_was_to_keep_and_sends_at_once_is_sent() -> None:
    result = of(KEPT, ACCEPTED)
    assert (Status.SENT, False, None) == (result.status, result.handed_over, result.due_in)


@pytest.mark.parametrize(
    "answer", [WRONG_TEXT, WRONG_SENDER, TOO_MUCH, NO_CONNECTION, TOO_MANY, NOT_SENT], ids=str
)
def test_a_text_that_twilio_does_not_keep_is_sent_by_us_at_its_time(answer: Answer) -> None:
    result = of(KEPT, answer)
    assert (Status.SCHEDULED, False) == (result.status, result.handed_over)
    assert (timedelta(hours=2), None, None) == (
        result.due_in,
        result.retry_count,
        result.twilio_sid,
    )


def test_a_refused_hand_over_is_remembered_and_not_asked_again() -> None:
    result = of(KEPT, WRONG_TEXT)
    assert {"handover_refused": 21211, "message": "Invalid number"} == result.error_details


def test_an_unseen_answer_to_a_hand_over_is_in_doubt() -> None:
    assert Status.IN_DOUBT == of(KEPT, SILENCE).status


@pytest.mark.parametrize("policy", InDoubtPolicy)
def test_a_text_for_later_is_not_sent_at_once_out_of_doubt(policy: InDoubtPolicy) -> None:
    result = of(replace(KEPT, in_doubt_policy=policy), SILENCE)
    assert result.status not in (Status.PENDING, Status.RETRYING)
    if policy is InDoubtPolicy.RESEND:
        assert (Status.SCHEDULED, timedelta(hours=2)) == (result.status, result.due_in)
