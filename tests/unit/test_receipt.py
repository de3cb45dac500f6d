"""What is read from a status callback, and which of Twilio's words counts."""

from itertools import pairwise
from uuid import UUID

import pytest

from messaging.domain.job import JobId, Sid
from messaging.domain.receipt import RANK, Fields, Receipt, of_callback, outranks
from messaging.errors import Refused

SID = Sid("SM" + "0123456789abcdef" * 2)
JOB = JobId(UUID("0f8fad5b-d9cb-469f-a165-70867728950e"))
SENT = (("MessageSid", SID), ("MessageStatus", "sent"))
PLAIN = Receipt(sid=SID, status="sent")


@pytest.mark.parametrize(
    "form, query, expected",
    [
        (SENT, (), PLAIN),
        (
            SENT,
            (("job", str(JOB)), ("attempt", "2")),
            Receipt(sid=SID, status="sent", job_id=JOB, attempt=2),
        ),
        ((("SmsSid", SID), ("SmsStatus", "sent")), (), PLAIN),
        ((("MessageSid", SID), ("MessageStatus", "Sent")), (), PLAIN),
        (
            (*SENT, ("ErrorCode", "30003"), ("RawDlrDoneDate", "2611241300")),
            (),
            Receipt(sid=SID, status="sent", error_code=30003, carrier_time="2611241300"),
        ),
        ((*SENT, ("ErrorCode", ""), ("RawDlrDoneDate", "")), (), PLAIN),
        ((*SENT, ("ErrorCode", "x"), ("RawDlrDoneDate", "\0")), (), PLAIN),
        (SENT, (("job", "me"), ("attempt", "one")), PLAIN),
        (SENT, (("job", ""), ("attempt", "")), PLAIN),
        (
            SENT,
            (("job", str(JOB)), ("attempt", "9" * 30)),
            Receipt(sid=SID, status="sent", job_id=JOB),
        ),
        (SENT, (("attempt", "-1"),), PLAIN),
    ],
)
def test_a_callback_becomes_a_receipt(form: Fields, query: Fields, expected: Receipt) -> None:
    assert expected == of_callback(form, query)


@pytest.mark.parametrize(
    "form, missing",
    [
        ((), "MessageSid must be SM or MM and 32 hex digits."),
        ((("MessageStatus", "sent"),), "MessageSid must be SM or MM and 32 hex digits."),
        (
            (("MessageSid", "SM1"), ("MessageStatus", "sent")),
            "MessageSid must be SM or MM and 32 hex digits.",
        ),
        ((("MessageSid", SID),), "MessageStatus must be one of Twilio's words."),
        (
            (("MessageSid", SID), ("MessageStatus", "drop table")),
            "MessageStatus must be one of Twilio's words.",
        ),
    ],
)
def test_what_names_no_message_is_no_callback(form: Fields, missing: str) -> None:
    with pytest.raises(Refused) as refusal:
        of_callback(form, ())
    assert f"This is no status callback: {missing}" == str(refusal.value)


def test_words_outrank_each_other_in_the_order_of_a_messages_life() -> None:
    life = ["scheduled", "accepted", "queued", "sending", "sent", "partially_delivered"]
    for earlier, later in pairwise([*life, "delivered", "read"]):
        assert outranks(later, earlier)
        assert not outranks(earlier, later)


@pytest.mark.parametrize("end", ["delivered", "undelivered", "failed", "canceled"])
def test_the_first_end_of_a_message_stays(end: str) -> None:
    assert not any(outranks(other, end) for other in RANK if other != "read")


def test_any_known_word_outranks_none_and_an_unknown_word_outranks_nothing() -> None:
    assert all(outranks(word, None) for word in RANK)
    assert not outranks("teleported", None)
    assert outranks("queued", "teleported")
