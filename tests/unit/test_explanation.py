"""Explanations: every event and every status has its own plain words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from messaging.domain.answers import Accepted, Answer, Fault, InDoubt, NotSent, Rejected
from messaging.domain.job import Claim, InDoubtPolicy, JobId, Phone, Sid, Status
from messaging.domain.outcome import RetryRules, outcome
from messaging.explanation.journal import lines
from messaging.explanation.line import Tone
from messaging.explanation.outlook import outlook
from messaging.explanation.standing import standing, why
from messaging.explanation.turns import ahead, turns
from messaging.postgres.messages import Event, Message
from messaging.postgres.queues import Turn

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SID = Sid("SM" + "1" * 32)
ID = JobId(UUID(int=1))
RULES = RetryRules(
    base=timedelta(minutes=2),
    longest=timedelta(hours=1),
    jitter=0,
    default_policy=InDoubtPolicy.RECONCILE,
)


def tell(time: datetime) -> str:
    return f"{time:%H:%M}"


def message(**different: object) -> Message:
    columns: dict[str, object] = {
        **dict.fromkeys(Message.__dataclass_fields__),
        "id": ID,
        "status": "pending",
        "recipient_phone": "+14155552671",
        "message_content": "Hello",
        "priority": 0,
        "attempt": 1,
        "retry_count": 1,
        "max_retries": 3,
        "created_at": NOON,
        "due_at": NOON,
    }
    return Message(**{**columns, **different})  # type: ignore[arg-type]


def event(kind: str, **different: object) -> Event:
    columns: dict[str, object] = {
        "at": NOON,
        "kind": kind,
        "attempt": 2,
        "twilio_sid": None,
        "delivery_status": None,
        "details": {},
    }
    return Event(**{**columns, **different})  # type: ignore[arg-type]


def told(happened: Event) -> tuple[str, Tone]:
    _, line = lines(message(), [happened], tell)
    return line.text, line.tone


def claim(
    send_in: timedelta | None, retry_count: int, policy: InDoubtPolicy | None, resends: int = 0
) -> Claim:
    return Claim(
        id=ID,
        attempt=2,
        recipient_phone=Phone("+14155552671"),
        message_content="Hello",
        media_urls=(),
        retry_count=retry_count,
        max_retries=3,
        in_doubt_policy=policy,
        doubt_resends=resends,
        send_in=send_in,
    )


ANSWERS: Mapping[str, Answer] = {
    "accepted": Accepted(sid=SID, status="queued"),
    "kept": Accepted(sid=SID, status="scheduled"),
    "refused": Rejected(code=21211, message="Not a number", fault=Fault.MESSAGE),
    "misconfigured": Rejected(code=20003, message="No.", fault=Fault.CONFIGURATION),
    "not sent": NotSent(reason="No route."),
    "in doubt": InDoubt(reason="No answer."),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("policy", [None, *InDoubtPolicy])
@pytest.mark.parametrize("send_in", [None, timedelta(hours=1)], ids=["now", "handed over"])
@pytest.mark.parametrize(("retry_count", "resends"), [(0, 0), (3, 2)])
def test_whatever_an_attempt_comes_to_has_its_own_words(
    answer: Answer,
    policy: InDoubtPolicy | None,
    send_in: timedelta | None,
    retry_count: int,
    resends: int,
) -> None:
    came_to = outcome(claim(send_in, retry_count, policy, resends), answer, RULES, Random(1))
    details = {**came_to.details, "status": came_to.status.value}
    text, _ = told(
        event(
            came_to.kind,
            twilio_sid=came_to.twilio_sid,
            delivery_status=came_to.delivery_status,
            details=details,
        )
    )
    assert text.startswith("Attempt 2: ")
    assert "It was settled" not in text
    assert text.endswith((".", ")."))


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        (
            event("settled", twilio_sid=SID, delivery_status="queued",
                  details={"answer": "accepted", "status": "sent"}),
            (f"Attempt 2: Twilio took it ({SID}, queued).", Tone.PLAIN),
        ),
        (
            event("settled", details={"answer": "rejected", "status": "failed", "code": 21610,
                                      "reason": None}),
            ("Attempt 2: Twilio refused it: 21610, The recipient has opted out by answering "
             "STOP.", Tone.BAD),
        ),
        (
            event("settled", details={"answer": "not sent", "status": "retrying",
                                      "reason": "No route"}),
            ("Attempt 2: not sent, and tried again later: No route.", Tone.PLAIN),
        ),
        (
            event("settled", details={"answer": "new", "status": "new"}),
            ("Attempt 2: It was settled.", Tone.PLAIN),
        ),
        (event("receipt", delivery_status="sent"), ("The carrier took it.", Tone.PLAIN)),
        (event("receipt", delivery_status="read"), ("It was read.", Tone.GOOD)),
        (
            event("receipt", delivery_status="undelivered"),
            ("The carrier could not deliver it.", Tone.BAD),
        ),
        (event("receipt", delivery_status="new"), ("Twilio reported new.", Tone.PLAIN)),
        (
            event("reconciled", twilio_sid=SID, delivery_status="sent"),
            (f"Twilio was asked, and has it ({SID}, sent).", Tone.GOOD),
        ),
        (
            event("reconciled", details={"status": "pending", "reason": "not at Twilio"}),
            ("Twilio was asked and does not have it: it may be sent again.", Tone.PLAIN),
        ),
        (
            event("reconciled", details={"status": "held", "reason": "policy hold"}),
            ("It is held for a person: policy hold.", Tone.DOUBT),
        ),
        (
            event("reconciled", details={"status": "failed", "reason": "policy fail"}),
            ("It was given up in doubt: policy fail.", Tone.BAD),
        ),
        (
            event("refused", details={"reason": "The text is empty."}),
            ("It could not become a text: The text is empty.", Tone.BAD),
        ),
        (
            event("rescheduled", details={"scheduled_for": "2026-11-25T09:30:00+00:00"}),
            ("It was moved to 09:30.", Tone.PLAIN),
        ),
        (
            event("rescheduling"),
            ("It was moved; Twilio, which keeps it, is asked to give it back.", Tone.PLAIN),
        ),
        (
            event("recalled", details={"status": "scheduled"}),
            ("Twilio dropped it: it is ours again, to be sent at its new time.", Tone.PLAIN),
        ),
        (
            event("recalled", details={"status": "canceled"}),
            ("Twilio dropped it: it is canceled.", Tone.PLAIN),
        ),
        (
            event(
                "resolved",
                twilio_sid=SID,
                details={"decision": "sent", "status": "sent", "by": "Ann"},
            ),
            (f"Ann decided that Twilio has it ({SID}).", Tone.PLAIN),
        ),
        (
            event("resolved", details={"decision": "resend", "status": "scheduled", "by": "Ann"}),
            (
                "Ann decided that it did not go out, and put it back until its time.",
                Tone.PLAIN,
            ),
        ),
        (event("resolved"), ("Somebody decided about it.", Tone.PLAIN)),
        (
            event("held", details={"reason": "two are alike", "by": None}),
            (
                "It was compared with Twilio, and it is held for a person: two are alike.",
                Tone.DOUBT,
            ),
        ),
        (
            event("reconciled", twilio_sid=SID, details={"status": "sent", "by": "Ann"}),
            (f"Ann compared it with Twilio, which has it ({SID}).", Tone.GOOD),
        ),
        (
            event("gone_at_twilio"),
            ("Twilio was asked, and no longer has it: it was deleted there.", Tone.BAD),
        ),
        (event("canceled"), ("It was canceled.", Tone.PLAIN)),
        (event("moon_landing", details={"reason": "why not"}), ("Moon landing: why not.",
                                                                Tone.PLAIN)),
    ],
)  # fmt: skip
def test_an_event_is_told_in_a_sentence(happened: Event, expected: tuple[str, Tone]) -> None:
    assert expected == told(happened)


@pytest.mark.parametrize("kind", ["late_answer", "swept"])
def test_what_is_not_known_is_told_as_doubt(kind: str) -> None:
    text, tone = told(event(kind, twilio_sid=SID))
    assert ("2" in text, Tone.DOUBT) == (True, tone)


@pytest.mark.parametrize("status", Status)
def test_every_status_says_what_comes_next(status: Status) -> None:
    line = standing(message(status=status.value), [], tell)
    assert line.text.endswith((".", "?"))
    assert "None" not in line.text


@pytest.mark.parametrize(
    ("different", "expected"),
    [
        ({"status": "scheduled", "scheduled_for": NOON}, "It is sent at 12:00."),
        (
            {"status": "scheduled", "scheduled_for": NOON, "twilio_sid": SID},
            "Twilio keeps it, and sends it at 12:00.",
        ),
        ({"status": "pending", "priority": 6}, "It waits for its turn in the urgent lane."),
        (
            {"status": "retrying", "error_details": {"message": "No route"}},
            "It is tried again at 12:00; 1 of 3 retries are used. The reason: No route.",
        ),
        (
            {"status": "sent", "delivery_status": "queued"},
            "Twilio has it. Whether the phone has it is not reported yet.",
        ),
        (
            {
                "status": "sent",
                "delivery_status": "delivered",
                "delivered_at": NOON + timedelta(seconds=2),
            },
            "The phone has it, 2.0 s after it was handed over.",
        ),
        (
            {"status": "sent", "delivery_status": "undelivered", "error_code": 30006},
            "Twilio could not deliver it: 30006, The number is a landline, or its carrier takes "
            "no texts.",
        ),
        ({"status": "canceled"}, "It is not sent: it was canceled."),
    ],
)
def test_a_standing_is_told_in_a_sentence(different: dict[str, object], expected: str) -> None:
    assert expected == standing(message(**different), [], tell).text


def test_a_text_that_twilio_is_asked_to_drop_is_told_so() -> None:
    kept = message(status="scheduled", twilio_sid=SID)
    line = standing(kept, [event("canceling")], tell)
    assert "Twilio keeps it, and is being asked to drop it." == line.text


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (None, None, ""),
        (None, {"message": "Why"}, "Why"),
        (21211, {"message": "Why"}, "21211, Why"),
        (21211, None, "21211, The recipient is not a valid phone number."),
    ],
)
def test_the_reason_is_the_rows_own(
    code: int | None, details: dict[str, str] | None, expected: str
) -> None:
    assert expected == why(message(error_code=code, error_details=details))


@pytest.mark.parametrize("status", ["expired", "suppressed", "scheduled"])
def test_what_was_withheld_says_why(status: str) -> None:
    details = {"answer": "withheld", "rule": "r", "reason": "Because of a rule.", "status": status}
    text, _ = told(event("settled", details=details))
    assert ("not sent" in text, "Because of a rule." in text) == (True, True)


def test_what_a_stop_ended_says_why() -> None:
    details = {"rule": "opt_out", "reason": "The recipient opted out."}
    ended = message(status="suppressed", error_details={"message": "The recipient opted out."})
    assert "opted out" in told(event("suppressed", details=details))[0]
    assert "opted out" in told(event("canceling", details=details))[0]
    assert "opted out" in standing(ended, [], tell).text


@pytest.mark.parametrize(
    ("kind", "details", "words", "tone"),
    [
        ("expired", {"was": "pending"}, "waited until its deadline had passed", Tone.BAD),
        (
            "carrier_retry",
            {"code": 30003, "as": "x"},
            "sent again for that (30003), as x",
            Tone.PLAIN,
        ),
        ("carrier_retry", {"code": 30003, "of": "x"}, "It repeats x", Tone.PLAIN),
        ("carrier_retry", {"reason": "deadline"}, "not sent again", Tone.BAD),
        ("carrier_retry", {"reason": "arrived"}, "has arrived after all", Tone.GOOD),
        ("reconciled", {"status": "expired"}, "it is not sent again", Tone.BAD),
    ],
)
def test_deadlines_and_failures_are_told_in_plain_words(
    kind: str, details: Mapping[str, object], words: str, tone: Tone
) -> None:
    text, how = told(event(kind, details=details))
    assert (True, tone) == (words in text, how)


@pytest.mark.parametrize("status", sorted(Status))
def test_what_still_waits_says_until_when(status: Status) -> None:
    line = standing(message(status=status, expires_at=NOON), [], tell)
    waits = status in ("scheduled", "pending", "retrying", "in_doubt", "held")
    assert waits is ("not sent any more from 12:00 on" in line.text)


def test_what_was_not_sent_says_why() -> None:
    details = {"message": "Its deadline passed before it could be sent."}
    line = standing(message(status="expired", error_details=details), [], tell)
    assert line.text.endswith("Its deadline passed before it could be sent.")


@pytest.mark.parametrize(
    ("different", "ahead", "rate", "said"),
    [
        ({}, 601, 10.0, "601 texts in its lane take 1 min at the rate limit: it may expire"),
        ({}, 600, 10.0, ""),
        ({}, 10_000, None, ""),
        ({"expires_at": None}, 10_000, 10.0, ""),
        ({"status": "sent"}, 10_000, 10.0, ""),
    ],
)
def test_a_deadline_that_the_rate_does_not_allow_is_told(
    different: Mapping[str, object], ahead: int, rate: float | None, said: str
) -> None:
    waiting = message(**{"expires_at": NOON + timedelta(minutes=1), **different})
    told = outlook(waiting, NOON, ahead, rate)
    assert (bool(said), True) == (bool(told), said in told)


@pytest.mark.parametrize(
    ("turn", "told", "before_it"),
    [
        (None, "", 900),
        (Turn(campaigns=1, campaign="spring", entries=900, has_more=False), "", 900),
        (
            Turn(campaigns=3, campaign="spring", entries=50, has_more=False),
            " 3 campaigns take turns there, a text each. Campaign spring is one of them, and has "
            "50 waiting.",
            150,
        ),
        (
            Turn(campaigns=2, campaign=None, entries=500, has_more=False),
            " 2 campaigns take turns there, a text each. What has no campaign is one of them, "
            "and has 500 waiting.",
            900,
        ),
        (
            Turn(campaigns=50, campaign="spring", entries=2, has_more=False),
            " 50 or more campaigns take turns there, a text each. Campaign spring is one of them, "
            "and has 2 waiting.",
            900,
        ),
        (
            Turn(campaigns=2, campaign="spring", entries=100, has_more=True),
            " 2 campaigns take turns there, a text each. Campaign spring is one of them, and has "
            "100 or more waiting.",
            900,
        ),
    ],
)
def test_a_text_that_takes_turns_says_so_and_waits_for_no_more_than_its_share(
    turn: Turn | None, told: str, before_it: int
) -> None:
    assert told == turns(turn)
    assert before_it == ahead(900, turn)
