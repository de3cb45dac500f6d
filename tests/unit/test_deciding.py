"""What a person decides: whose text a SID is, and what is said about what waits."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from messaging.domain.answers import Listed
from messaging.domain.comparison import Finding, Kind, recorded, seen
from messaging.domain.decision import Answer, is_sid, objection
from messaging.domain.doubt import TRIAL_PREFIX
from messaging.domain.job import JobId, Phone, Sid, Status
from messaging.domain.outcome import HANDOVER_GRACE
from messaging.explanation.deciding import next_step, reason_of

TO = Phone("+15555550100")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SID = Sid("SM" + "1" * 32)


def listed(**different: object) -> Listed:
    values: dict[str, object] = {
        "sid": SID,
        "to": TO,
        "sender": None,
        "messaging_service_sid": "MG1",
        "body": "Hello",
        "status": "sent",
        "direction": "outbound-api",
        "date_created": NOW,
    }
    return Listed(**{**values, **different})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (listed(), None),
        (listed(status="failed"), None),
        (listed(to="+15555550101"), Answer.OTHER_NUMBER),
        (listed(direction="inbound"), Answer.OTHER_NUMBER),
        (listed(status="canceled"), Answer.NEVER_SENT),
    ],
)
def test_a_sid_is_believed_if_it_can_be_of_the_text(
    message: Listed, expected: Answer | None
) -> None:
    assert expected == objection(message, TO)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SID, True),
        ("MM" + "aF" * 16, True),
        ("SM1", False),
        (SID + "1", False),
        (SID + "\n", False),
        ("AC" + "1" * 32, False),
        ("SM" + "١" * 32, False),
    ],
)
def test_a_sid_looks_like_one(text: str, expected: bool) -> None:
    assert expected == is_sid(text)


@pytest.mark.parametrize(
    ("status", "recorded_reason", "expected"),
    [
        ("held", "In doubt: policy hold.", "In doubt: policy hold."),
        ("held", "Held for a person: no answer", "Held for a person: no answer."),
        ("held", None, "No reason is recorded."),
        ("in_doubt", " ", "The worker did not come back."),
    ],
)
def test_why_a_message_waits_is_a_sentence(
    status: str, recorded_reason: str | None, expected: str
) -> None:
    assert expected == reason_of(status, recorded_reason)


def test_what_a_person_may_do_depends_on_where_the_message_stands() -> None:
    assert "--resend" in next_step("held", "")
    assert next_step("in_doubt", "12:00").startswith("Twilio is asked again at 12:00. Check")
    assert "--resend" not in next_step("in_doubt", "")


@pytest.mark.parametrize(
    ("message", "body", "bare_body", "is_ours"),
    [
        (listed(), "Hello", "Hello", True),
        (listed(body=f"{TRIAL_PREFIX}Hello"), f"{TRIAL_PREFIX}Hello", "Hello", True),
        (listed(messaging_service_sid="MG2"), "Hello", "Hello", False),
        (listed(messaging_service_sid=None), "Hello", "Hello", False),
        (listed(messaging_service_sid=None, sender="+1500"), "Hello", "Hello", True),
        (listed(body="a\0b\ud83d"), "a?b?", "a?b?", True),
    ],
)
def test_a_message_is_compared_by_its_words_and_its_sender(
    message: Listed, body: str, bare_body: str, is_ours: bool
) -> None:
    compared = seen(message, frozenset({"MG1", "+1500"}))
    assert (body, bare_body, is_ours) == (compared.body, compared.bare_body, compared.is_ours)


def finding(**different: object) -> Finding:
    values: dict[str, object] = {
        **dict.fromkeys(Finding.__dataclass_fields__),
        "id": 1,
        "verdict": Kind.RECORDED,
        "job_id": JobId(UUID(int=1)),
        "attempt": 2,
        "sid": SID,
        "delivery_status": "sent",
    }
    return Finding(**{**values, **different})  # type: ignore[arg-type]


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("found", "status", "due_in"),
    [
        (finding(), Status.SENT, None),
        (finding(due_in=HOUR), Status.SENT, None),
        (finding(delivery_status="scheduled"), Status.SENT, None),
        (
            finding(delivery_status="scheduled", due_in=HOUR),
            Status.SCHEDULED,
            HOUR + HANDOVER_GRACE,
        ),
    ],
)
def test_what_twilio_has_is_sent_or_kept_there(
    found: Finding, status: Status, due_in: timedelta | None
) -> None:
    outcome = recorded(found, "Ann")
    assert outcome
    assert (status, due_in, SID, 2) == (
        outcome.status,
        outcome.due_in,
        outcome.twilio_sid,
        outcome.attempt,
    )
    assert "Ann" == outcome.details["by"]


def test_other_findings_record_nothing() -> None:
    assert None is recorded(finding(verdict=Kind.HELD), None)
