"""What Twilio said to a send, or that it said nothing. An answer is a value, never an exception."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from messaging.domain.job import JobId, Phone, Sid
from messaging.domain.record import record

LATE_WAIT = timedelta(seconds=5)
"""After a deadline was missed: this worker has too much to do."""
MISSED_WAIT = timedelta(seconds=1)
"""After a slot of the throttle was missed: there are others."""


@record
class Outgoing:
    """One text, ready to be sent.

    `write_before` is a reading of `time.monotonic()` in seconds: a request that has not begun
    to be written by then must not be written at all, because the claim may have run out, or the
    slot that it has where `in_slot`. `units` are what it counts against a limit.
    `send_at` asks Twilio to keep the text until then (native scheduling); `good_until`, another
    reading of that clock, not to send it any more from then on. `claimed_at` is when the claim
    began, on the same clock: until when it may be relied on that nobody has stopped sending.
    `generations` are those of the breakers that let it through.
    """

    job_id: JobId
    attempt: int
    to: Phone
    body: str
    media_urls: tuple[str, ...] = ()
    send_at: datetime | None = None
    write_before: float
    in_slot: bool = False
    units: int = 1
    good_until: float | None = None
    claimed_at: float = math.inf
    generations: tuple[int, int] = (0, 0)

    @property
    def late_wait(self) -> timedelta:
        """When it is tried again if it was too late to be written."""
        return MISSED_WAIT if self.in_slot else LATE_WAIT


@record
class Accepted:
    """Twilio has the text and gave it a SID. `status` is Twilio's word, e.g. `queued`."""

    sid: Sid
    status: str
    segments: int | None = None


class Fault(StrEnum):
    """Whose fault a rejection is, and so what happens next."""

    MESSAGE = "message"
    """This text can never be sent as it is: the job fails."""
    CONFIGURATION = "configuration"
    """Our account or sender is wrong: every send would fail, so sending pauses and texts wait."""
    BACK_PRESSURE = "back_pressure"
    """Twilio has too much of ours: the text waits, and costs no retry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Twilio refused the text and did not send it.

    `code` is Twilio's error code, or None when the answer had none; `wait` is how long the
    job waits before it is tried again where the fault is not the message's. `pauses` says that
    every other text would be refused like this one, `of_sender` that our sender is to blame and
    not our account.
    """

    code: int | None
    message: str
    fault: Fault
    wait: timedelta | None = None
    opt_out: bool = False
    alert: bool = False
    pauses: bool = False
    of_sender: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """It is certain that no text went out: the request was never written, or answered with 429.

    `retry_after` is what Twilio asked for; `costs_retry` is False where the job is not to blame;
    `unreachable` says that no connection to Twilio could be made, `crowded` that Twilio had too
    many requests of ours at once, and `pauses` that it refuses them one by one, too.
    """

    reason: str
    retry_after: timedelta | None = None
    costs_retry: bool = True
    unreachable: bool = False
    crowded: bool = False
    pauses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """The request may have reached Twilio and we saw no clear answer. Never repeat it blindly."""

    reason: str


Answer = Accepted | Rejected | NotSent | InDoubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A message as Twilio's own list shows it."""

    sid: Sid
    to: str
    sender: str | None
    """Twilio's `from`; None while a Messaging Service has not chosen a number."""
    messaging_service_sid: str | None
    body: str
    status: str
    direction: str
    date_created: datetime | None
    error_code: int | None = None
    date_sent: datetime | None = None

    def is_from(self, senders: Collection[str]) -> bool:
        """Whether one of these services or numbers sent it."""
        return self.messaging_service_sid in senders or self.sender in senders


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Twilio's list, fetch or cancel did not answer: this proves nothing about any text."""

    reason: str


class Canceling(StrEnum):
    """What Twilio said when asked to cancel a text that it holds for later."""

    CANCELED = "canceled"
    TOO_LATE = "too_late"
    UNANSWERED = "unanswered"


class Deleting(StrEnum):
    """What Twilio said when asked to delete its record of a text."""

    DELETED = "deleted"
    """It has none, now or before."""
    UNDER_WAY = "under_way"
    UNANSWERED = "unanswered"
