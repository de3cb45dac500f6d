"""Was its text sent? What Twilio's list says of a job in doubt, and what follows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.domain.answers import Listed
from messaging.domain.doubt import (
    CLEAN_READS,
    TRIAL_PREFIX,
    Doubt,
    LookAgain,
    by_policy,
    find_own,
    found,
    not_found,
    strangers,
)
from messaging.domain.job import InDoubtPolicy, JobId, Phone, Sid, Status, can_become
from messaging.domain.outcome import HANDOVER_GRACE, MAX_RESENDS, Outcome

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
QUIET = timedelta(seconds=60)
DOUBT = Doubt(
    id=JobId(UUID(int=1)),
    attempt=2,
    recipient_phone=Phone("+15555550100"),
    message_content="Hello",
    has_media=False,
    in_doubt_policy=None,
    doubt_resends=0,
    clean_reads=0,
    claimed_at=NOW,
    age=90 * SECOND,
    send_in=None,
)
READ_ONCE = replace(DOUBT, clean_reads=CLEAN_READS - 1)


def listed(
    sid: str = "SM1",
    body: str = "Hello",
    direction: str = "outbound-api",
    created: datetime | None = NOW,
    status: str = "sent",
    error_code: int | None = None,
) -> Listed:
    return Listed(
        sid=Sid(sid),
        to="+15555550100",
        sender=None,
        messaging_service_sid="MG1",
        body=body,
        status=status,
        direction=direction,
        date_created=created,
        error_code=error_code,
    )


@pytest.mark.parametrize(
    ("message", "is_ours"),
    [
        (listed(), True),
        (listed(direction="outbound-reply"), True),
        (listed(created=None), True),
        (listed(created=NOW - 120 * SECOND), True),
        (listed(created=NOW - 121 * SECOND), False),
        (listed(created=NOW + timedelta(days=1)), True),
        (listed(direction="inbound"), False),
        (listed(body="hello"), False),
        (listed(body="Hello "), False),
        (listed(sid="SM9"), False),
    ],
)
def test_a_listed_message_is_ours_if_it_says_the_same_and_is_nobody_elses(
    message: Listed, is_ours: bool
) -> None:
    own = find_own(DOUBT, [message], owned={Sid("SM9")})
    assert (message if is_ours else None) == own


def test_of_several_the_earliest_is_ours() -> None:
    first, second = listed("SM1", created=NOW), listed("SM2", created=NOW + SECOND)
    undated = listed("SM3", created=None)
    assert first == find_own(DOUBT, [undated, second, first], owned=[])
    assert second == find_own(DOUBT, [undated, second, first], owned=[Sid("SM1")])
    assert undated == find_own(DOUBT, [undated], owned=[])


def test_what_a_trial_account_puts_before_each_text_is_taken_off() -> None:
    prefixed = listed("SM2", body=f"{TRIAL_PREFIX}Hello", created=NOW)
    exact = listed("SM1", created=NOW + SECOND)
    assert prefixed == find_own(DOUBT, [prefixed], owned=[])
    assert exact == find_own(DOUBT, [prefixed, exact], owned=[])
    for body in (f"{TRIAL_PREFIX}Hello!", TRIAL_PREFIX, f"{TRIAL_PREFIX}{TRIAL_PREFIX}Hello"):
        assert None is find_own(DOUBT, [listed(body=body)], owned=[])


def test_an_empty_list_shows_nothing() -> None:
    assert None is find_own(DOUBT, [], owned=[])


def test_what_twilio_has_is_sent() -> None:
    result = found(DOUBT, listed("SM1", status="undelivered", error_code=30003))
    assert (
        Outcome(
            job_id=DOUBT.id,
            attempt=2,
            status=Status.SENT,
            twilio_sid=Sid("SM1"),
            delivery_status="undelivered",
            error_code=30003,
            kind="reconciled",
            details={"answer": "found at Twilio"},
        )
        == result
    )


@pytest.mark.parametrize(
    ("status", "send_in", "expected", "due_in"),
    [
        ("scheduled", timedelta(hours=1), "scheduled", timedelta(hours=1) + HANDOVER_GRACE),
        ("accepted", timedelta(hours=1), "sent", None),
        ("scheduled", None, "sent", None),
    ],
)
def test_what_twilio_keeps_for_later_is_handed_over(
    status: str, send_in: timedelta | None, expected: str, due_in: timedelta | None
) -> None:
    result = found(replace(DOUBT, send_in=send_in), listed(status=status))
    assert (expected, due_in) == (result.status, result.due_in)
    assert (expected == "scheduled") == result.handed_over


@pytest.mark.parametrize(
    ("clean_reads", "age", "wait"),
    [
        (0, 0, 60),
        (0, 50, 10),
        (0, 58, 5),
        (0, 1000, 5),
        (1, 0, 60),
        (1, 59, 5),
        (7, 40, 20),
    ],
)
def test_too_few_or_too_early_reads_prove_nothing(clean_reads: int, age: int, wait: int) -> None:
    doubt = replace(DOUBT, clean_reads=clean_reads, age=age * SECOND)
    assert LookAgain(wait=wait * SECOND) == not_found(doubt, QUIET)


def test_a_text_that_two_late_reads_do_not_show_is_sent_again() -> None:
    result = not_found(replace(READ_ONCE, age=QUIET), QUIET)
    assert isinstance(result, Outcome)
    expected = (Status.PENDING, timedelta(0), 1, "reconciled", None)
    assert expected == (
        result.status,
        result.due_in,
        result.doubt_resends,
        result.kind,
        result.error_details,
    )


def test_a_text_for_twilio_to_keep_goes_back_to_our_own_schedule() -> None:
    result = not_found(replace(READ_ONCE, send_in=timedelta(hours=1)), QUIET)
    assert isinstance(result, Outcome)
    assert (Status.SCHEDULED, timedelta(hours=1)) == (result.status, result.due_in)


def test_a_text_that_was_sent_again_twice_waits_for_a_person() -> None:
    result = not_found(replace(READ_ONCE, doubt_resends=MAX_RESENDS), QUIET)
    assert isinstance(result, Outcome)
    assert (Status.HELD, None, None) == (result.status, result.due_in, result.doubt_resends)
    assert {"message": "In doubt: sent again twice out of doubt already."} == result.error_details


@given(
    st.integers(0, 10),
    st.integers(0, 5),
    st.timedeltas(timedelta(0), timedelta(days=1)),
    st.timedeltas(timedelta(seconds=1), timedelta(hours=1)),
    st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=1)),
)
def test_a_text_is_sent_again_only_after_two_clean_reads_the_last_late_enough(
    clean_reads: int, resends: int, age: timedelta, quiescence: timedelta, send_in: timedelta | None
) -> None:
    doubt = replace(DOUBT, clean_reads=clean_reads, doubt_resends=resends, age=age, send_in=send_in)
    verdict = not_found(doubt, quiescence)
    proved = clean_reads + 1 >= 2 and age >= quiescence
    again = isinstance(verdict, Outcome) and verdict.status in (Status.PENDING, Status.SCHEDULED)
    assert (proved and resends < MAX_RESENDS) == again
    if isinstance(verdict, LookAgain):
        assert timedelta(seconds=5) <= verdict.wait
        assert verdict.wait == timedelta(seconds=5) or age + verdict.wait >= quiescence
    else:
        assert can_become(Status.IN_DOUBT, verdict.status)


@pytest.mark.parametrize(
    ("policy", "resends", "status"),
    [
        ("reconcile", 0, None),
        ("hold", 0, "held"),
        ("fail", 0, "failed"),
        ("resend", 0, "pending"),
        ("resend", 1, "pending"),
        ("resend", 2, "held"),
        ("resend", 3, "held"),
    ],
)
@pytest.mark.parametrize("named_by", ["job", "default"])
def test_the_policy_decides_whether_twilio_is_asked(
    policy: str, resends: int, status: str | None, named_by: str
) -> None:
    chosen = InDoubtPolicy(policy)
    other = InDoubtPolicy.HOLD if chosen is not InDoubtPolicy.HOLD else InDoubtPolicy.FAIL
    named = chosen if named_by == "job" else None
    doubt = replace(DOUBT, doubt_resends=resends, in_doubt_policy=named)
    result = by_policy(doubt, other if named else chosen)
    assert status == (result.status if result else None)
    if result and result.status is Status.PENDING:
        assert (timedelta(0), resends + 1) == (result.due_in, result.doubt_resends)
    if result and result.status in (Status.HELD, Status.FAILED):
        assert (None, None) == (result.due_in, result.doubt_resends)
        assert str((result.error_details or {})["message"]).startswith("In doubt: ")


@pytest.mark.parametrize(
    ("has_media", "body", "held"),
    [(True, "", True), (True, "Look", False), (False, "Hello", False)],
)
def test_a_picture_without_a_text_cannot_be_told_apart_and_is_held(
    has_media: bool, body: str, held: bool
) -> None:
    doubt = replace(DOUBT, has_media=has_media, message_content=body)
    result = by_policy(doubt, InDoubtPolicy.RECONCILE)
    assert (Status.HELD if held else None) == (result.status if result else None)


def test_a_text_for_later_is_not_sent_at_once_out_of_doubt() -> None:
    doubt = replace(DOUBT, send_in=timedelta(hours=1))
    result = by_policy(doubt, InDoubtPolicy.RESEND)
    assert result is not None
    assert (Status.SCHEDULED, timedelta(hours=1)) == (result.status, result.due_in)


def test_the_first_message_that_may_be_ours_allows_for_clocks_that_differ() -> None:
    assert NOW - 120 * SECOND == DOUBT.since


def test_a_text_that_may_be_ours_with_another_body_is_not_guessed() -> None:
    outcome = not_found(
        replace(DOUBT, clean_reads=1, age=timedelta(hours=1)), timedelta(seconds=60), others=1
    )
    assert isinstance(outcome, Outcome)
    assert Status.HELD == outcome.status


def test_a_job_that_another_program_had_in_processing_is_held() -> None:
    outcome = by_policy(replace(DOUBT, attempt=0), InDoubtPolicy.RECONCILE)
    assert outcome is not None
    assert Status.HELD == outcome.status


def test_a_message_that_was_canceled_at_twilio_is_no_sign_of_a_text() -> None:
    canceled = listed(status="canceled")
    assert find_own(DOUBT, [canceled], owned=()) is None
    assert () == strangers(DOUBT, [canceled], owned=())
