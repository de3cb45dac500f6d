"""What a person decides about a message that waits for one, and what is said to that. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from messaging.domain.answers import Listed
from messaging.domain.job import JobId, Phone, Sid

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}", re.ASCII)


class Decision(StrEnum):
    """What a person may decide."""

    SENT = "sent"
    """Twilio has the text, under a SID that the person has found."""
    RESEND = "resend"
    """It did not go out: it is sent again, on that person's word."""
    CANCEL = "cancel"
    """It is not sent, whether it went out or not."""


class Answer(StrEnum):
    """What became of a decision. The first four were done; `messaging.resolve` says most."""

    SENT = "sent"
    PENDING = "pending"
    SCHEDULED = "scheduled"
    CANCELED = "canceled"
    NOT_FOUND = "not_found"
    NOT_HELD = "not_held"
    SID_MISSING = "sid_missing"
    SID_INVALID = "sid_invalid"
    SID_TAKEN = "sid_taken"
    SID_UNKNOWN = "sid_unknown"
    """Twilio has no message with this SID."""
    OTHER_NUMBER = "other_number"
    """Twilio sent that one to another number, or got it from a phone."""
    NEVER_SENT = "never_sent"
    """It was canceled at Twilio before it went out."""
    UNANSWERED = "unanswered"
    """Twilio did not say whose message that is."""

    @property
    def is_done(self) -> bool:
        """Whether the message is now as the person wanted it."""
        return self in (Answer.SENT, Answer.PENDING, Answer.SCHEDULED, Answer.CANCELED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody decided. `by` is who, None for the database's user.

    `unchecked` leaves Twilio out: the SID is believed as it is.
    """

    id: JobId
    decision: Decision
    sid: Sid | None = None
    by: str | None = None
    unchecked: bool = False


def is_sid(text: str) -> bool:
    """Whether this looks like the SID of a message."""
    return _SID.fullmatch(text) is not None


def objection(listed: Listed, to: Phone) -> Answer | None:
    """Why a message of Twilio's is not the text of a job to this number; None where it may be."""
    if listed.to != to or not listed.direction.startswith("outbound"):
        return Answer.OTHER_NUMBER
    return Answer.NEVER_SENT if listed.status == "canceled" else None
