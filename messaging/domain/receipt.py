"""Delivery receipts: Twilio's status callbacks as values, and which word outranks which."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from messaging.domain.job import JobId, Sid
from messaging.errors import Refused

RANK = {
    "scheduled": 1,
    "accepted": 2,
    "queued": 3,
    "sending": 4,
    "sent": 5,
    "partially_delivered": 6,
    "delivered": 7,
    "undelivered": 7,
    "failed": 7,
    "canceled": 7,
    "read": 8,
}
"""Twilio's words for a message in the order of its life; `messaging.delivery_rank` is the same."""

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}", re.ASCII)
_WORD = re.compile(r"[a-z_]{1,40}", re.ASCII)
_CODE = re.compile(r"[0-9]{1,6}", re.ASCII)
_ATTEMPT = re.compile(r"[0-9]{1,9}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_TIME = re.compile(r"[0-9A-Za-z:+./ -]{1,40}", re.ASCII)

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One status callback: what Twilio says of a message, and whose attempt it was.

    `job_id` and `attempt` are what we put into the callback's URL; they are None where a callback
    carries none, and then the SID alone says whose it is. `carrier_time` is `RawDlrDoneDate`, as
    the carrier wrote it.
    """

    sid: Sid
    status: str
    job_id: JobId | None = None
    attempt: int | None = None
    error_code: int | None = None
    carrier_time: str | None = None


def outranks(new: str, old: str | None) -> bool:
    """Whether `new` says more than `old`; a word that Twilio has added since says nothing."""
    return RANK.get(new, 0) > RANK.get(old or "", 0)


def of_callback(form: Fields, query: Fields) -> Receipt:
    """The receipt in a callback's form and in the query of its URL.

    Raises Refused where the form names no message or no status. Whatever else cannot be read is
    left out: the receipt counts without it.
    """
    given, asked = dict(form), dict(query)
    sid = given.get("MessageSid") or given.get("SmsSid") or ""
    status = (given.get("MessageStatus") or given.get("SmsStatus") or "").lower()
    if not _SID.fullmatch(sid):
        raise Refused("This is no status callback: MessageSid must be SM or MM and 32 hex digits.")
    if not _WORD.fullmatch(status):
        raise Refused("This is no status callback: MessageStatus must be one of Twilio's words.")
    job_id = _read(_UUID, asked.get("job"))
    attempt = _read(_ATTEMPT, asked.get("attempt"))
    code = _read(_CODE, given.get("ErrorCode"))
    return Receipt(
        sid=Sid(sid),
        status=status,
        job_id=JobId(UUID(job_id)) if job_id else None,
        attempt=int(attempt) if attempt else None,
        error_code=int(code) if code else None,
        carrier_time=_read(_TIME, given.get("RawDlrDoneDate")),
    )


def _read(pattern: re.Pattern[str], value: str | None) -> str | None:
    return value if value and pattern.fullmatch(value) else None
