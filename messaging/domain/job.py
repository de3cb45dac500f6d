"""A job: one text to one recipient, and the states that it can be in."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

from messaging.domain.category import Category
from messaging.domain.consent import Said
from messaging.domain.record import record

JobId = NewType("JobId", UUID)
Phone = NewType("Phone", str)
"""A number in E.164: `+` and 7 to 15 digits (ITU-T E.164)."""
Sid = NewType("Sid", str)
"""Twilio's id of a message: `SM` or `MM` and 32 hexadecimal digits."""

MAX_BODY = 1600
"""Characters that Twilio takes in one body (Messages resource, parameter Body; error 21617)."""
URGENT_ABOVE = 5
"""Priorities above this take the urgent lane, as in the original architecture."""


class Status(StrEnum):
    """Where a job stands. `messaging.can_become` in SQL holds the same table of changes."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    PROCESSING = "processing"
    RETRYING = "retrying"
    IN_DOUBT = "in_doubt"
    HELD = "held"
    SENT = "sent"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"


_WITHDRAWN = frozenset({Status.CANCELED, Status.EXPIRED, Status.SUPPRESSED})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.SCHEDULED: _WITHDRAWN
    | {Status.PENDING, Status.PROCESSING, Status.SENT, Status.FAILED, Status.HELD},
    Status.PENDING: _WITHDRAWN
    | {Status.PROCESSING, Status.SCHEDULED, Status.FAILED, Status.SENT, Status.HELD},
    Status.PROCESSING: _WITHDRAWN
    | {
        Status.SENT,
        Status.FAILED,
        Status.RETRYING,
        Status.IN_DOUBT,
        Status.HELD,
        Status.SCHEDULED,
    },
    Status.RETRYING: _WITHDRAWN | {Status.PENDING, Status.SENT, Status.HELD},
    Status.IN_DOUBT: frozenset(
        {
            Status.SENT,
            Status.PENDING,
            Status.SCHEDULED,
            Status.HELD,
            Status.FAILED,
            Status.CANCELED,
            Status.EXPIRED,
        }
    ),
    Status.HELD: frozenset(
        {Status.SENT, Status.PENDING, Status.SCHEDULED, Status.CANCELED, Status.FAILED}
    ),
    # A receipt may prove after the fact that a text went out; nothing else leaves a final state.
    Status.FAILED: frozenset({Status.SENT}),
    Status.CANCELED: frozenset({Status.SENT}),
    Status.EXPIRED: frozenset({Status.SENT}),
    Status.SUPPRESSED: frozenset({Status.SENT}),
    Status.SENT: frozenset(),
}

FINAL = frozenset(_WITHDRAWN | {Status.SENT, Status.FAILED})


def can_become(old: Status, new: Status) -> bool:
    """Whether a job in `old` may change to `new`; staying what it is is always allowed."""
    return old == new or new in TRANSITIONS[old]


class Lane(StrEnum):
    """Urgent or normal: one pgmq queue and one Celery queue each."""

    URGENT = "urgent"
    NORMAL = "normal"

    @classmethod
    def of(cls, priority: int) -> "Lane":
        """The lane of a job with this priority."""
        return cls.URGENT if priority > URGENT_ABOVE else cls.NORMAL

    @property
    def queue(self) -> str:
        """The name of the pgmq queue, as in the original architecture."""
        return "sms_priority_queue" if self is Lane.URGENT else "sms_queue"


class InDoubtPolicy(StrEnum):
    """What happens to a job whose answer from Twilio we did not see."""

    RECONCILE = "reconcile"
    HOLD = "hold"
    RESEND = "resend"
    FAIL = "fail"


@record
class Claim:
    """A job that this worker alone may send now: the row as it was when it became `processing`.

    `send_at` is set where Twilio is to keep the text until then (native scheduling), and
    `send_in` says how far ahead that is on the database's clock; `expires_in` says it of the
    deadline, and is negative where that has passed. `said` is what the recipient said last about
    being texted, `dead_code` what a carrier reported of a number that takes no texts.
    `in_doubt_policy` is the job's, or else its template's.
    """

    id: JobId
    attempt: int
    recipient_phone: Phone
    message_content: str
    media_urls: tuple[str, ...]
    retry_count: int
    max_retries: int
    in_doubt_policy: InDoubtPolicy | None
    doubt_resends: int
    send_at: datetime | None = None
    send_in: timedelta | None = None
    expires_in: timedelta | None = None
    said: tuple[Said, ...] = ()
    category: Category = Category.TRANSACTIONAL
    time_zone: str | None = None
    claimed_at: datetime | None = None
    """By the database's clock."""
    urgent: bool = False
    dead_code: int | None = None
