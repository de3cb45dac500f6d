"""From what Twilio said, or the stage at which it fell silent, to an answer. Pure."""

import re
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import orjson

from messaging.domain.answers import (
    LATE_WAIT,
    Accepted,
    Answer,
    Fault,
    InDoubt,
    NotSent,
    Rejected,
)
from messaging.domain.job import Sid
from messaging.domain.wording import hide_numbers
from messaging.twilio.code_table import OF_THE_RECIPIENT, OF_THE_SENDER
from messaging.twilio.codes import CODES, REFUSED_WAIT, Code
from messaging.twilio.stages import Stage

UNREACHABLE_WAIT: Final = timedelta(seconds=10)
"""After a failed lookup, connect or TLS. It costs no retry: nothing was attempted, and an outage
of an hour must not use up the retries of every text. While most connections fail the breaker keeps
the text for longer."""
CROWDED_WAIT: Final = timedelta(seconds=2)
"""After a 429 without Retry-After. It is about concurrent requests, which end in seconds."""
LONGEST_WAIT: Final = timedelta(minutes=5)
"""No Retry-After is believed beyond this."""

_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")
_FEW_DIGITS = re.compile(r"[0-9]{1,4}")
_UNKNOWN_OUTCOME: Final = frozenset({408, 499})
"""Statuses below 500 with which a proxy gives up on a request that Twilio may be carrying out."""
_NOT_CARRIED_OUT: Final = frozenset({301, 302, 307, 308})
"""Redirects that ask for the same request elsewhere (RFC 9110, 15.4)."""
_OUR_CONFIGURATION: Final = frozenset({401, 402, 403, 404, 405, 407, *_NOT_CARRIED_OUT})
_ADVICE: Final = {
    301: "a redirect; check TWILIO_API_BASE_URL",
    401: "the credentials are wrong",
    402: "the account cannot pay",
    403: "the account or the API key may not do this",
    404: "no such account or address; check TWILIO_ACCOUNT_SID and TWILIO_API_BASE_URL",
    405: "this is not Twilio's API; check TWILIO_API_BASE_URL",
    407: "a proxy wants a password",
}


def failure(stage: Stage, reason: str, late_wait: timedelta = LATE_WAIT) -> NotSent | InDoubt:
    """The answer of a request that got none: certain before the first byte, in doubt after.

    `late_wait` is when a text that came too late is tried again.
    """
    if stage.may_have_arrived:
        return InDoubt(reason=reason)
    unreachable = Stage.START < stage < Stage.DEADLINE
    return NotSent(
        reason=reason,
        retry_after=UNREACHABLE_WAIT if unreachable else late_wait,
        costs_retry=False,
        unreachable=unreachable,
    )


def unexpected(stage: Stage, error: BaseException) -> NotSent | InDoubt:
    """The answer of a text on which our own code failed. It costs a retry, so that a text that
    fails like this every time comes to an end. The error's words may quote the text: only its
    name is told."""
    reason = f"Sending failed here, by mistake: {type(error).__name__}."
    return InDoubt(reason=reason) if stage.may_have_arrived else NotSent(reason=reason)


def misconfigured(reason: str) -> Rejected:
    """The answer of a text that our settings keep from being sent."""
    return Rejected(
        code=None,
        message=reason,
        fault=Fault.CONFIGURATION,
        wait=REFUSED_WAIT,
        alert=True,
        pauses=True,
    )


def answer(status: int, headers: Mapping[str, str], body: str) -> Answer:
    """What an answer to a create request means. `headers` have names in lower case."""
    said = _object(body)
    if 200 <= status < 300:
        return _accepted(status, said)
    if status == 429:
        return _too_many(headers, said)
    if status >= 500 or status < 200 or status in _UNKNOWN_OUTCOME:
        return InDoubt(reason=f"Twilio answered HTTP {status}; it may have sent the text.")
    if status < 400 and status not in _NOT_CARRIED_OUT:
        return InDoubt(reason=f"Twilio answered HTTP {status}, which says nothing of the text.")
    return _rejected(status, said)


def code_of(body: str) -> int | None:
    """Twilio's error code in a JSON error body, in either of its two shapes, or None."""
    return _code(_object(body))


def _accepted(status: int, said: Mapping[str, object]) -> Accepted | InDoubt:
    sid = said.get("sid")
    if not isinstance(sid, str) or not _SID.fullmatch(sid):
        return InDoubt(reason=f"Twilio answered HTTP {status} without a readable SID.")
    state, segments = said.get("status"), str(said.get("num_segments"))
    return Accepted(
        sid=Sid(sid),
        status=state if isinstance(state, str) else "queued",
        # With a Messaging Service it is 0 until a sender is chosen: not known yet.
        segments=int(segments) or None if _FEW_DIGITS.fullmatch(segments) else None,
    )


def _too_many(headers: Mapping[str, str], said: Mapping[str, object]) -> NotSent | Rejected:
    code = CODES.get(_code(said) or 0)
    if code is not None and code.fault is Fault.BACK_PRESSURE:
        return _by_code(code, said)
    return NotSent(
        reason="Twilio has too many of our requests at once (HTTP 429) and took none of this one.",
        retry_after=_retry_after(headers),
        costs_retry=False,
        crowded=True,
    )


def _rejected(status: int, said: Mapping[str, object]) -> Rejected:
    number = _code(said)
    code = CODES.get(number or 0)
    if code is not None and code.fault is not None:
        return _by_code(code, said)
    ours = status in _OUR_CONFIGURATION
    advice = _ADVICE.get(301 if status < 400 else status, "the request was refused")
    return Rejected(
        code=number,
        message=_message(said) or f"HTTP {status}: {advice}.",
        fault=Fault.CONFIGURATION if ours else Fault.MESSAGE,
        wait=REFUSED_WAIT if ours else None,
        alert=True,
        pauses=ours,
    )


def _by_code(code: Code, said: Mapping[str, object]) -> Rejected:
    return Rejected(
        code=code.number,
        message=_message(said) or code.meaning,
        fault=code.fault or Fault.MESSAGE,
        wait=code.wait,
        opt_out=code.opt_out,
        alert=code.alert,
        pauses=code.fault is Fault.CONFIGURATION and code.number not in OF_THE_RECIPIENT,
        of_sender=code.number in OF_THE_SENDER,
    )


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    """Retry-After in seconds, or as a date, which is read against the answer's own Date header:
    the sender's clock is the one that it was written with (RFC 9110, 10.2.3)."""
    given = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", given):
        return min(timedelta(seconds=int(given)), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(given)
        wait = until - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return CROWDED_WAIT
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _object(body: str) -> Mapping[str, object]:
    try:
        said = orjson.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _code(said: Mapping[str, object]) -> int | None:
    number = str(said.get("code"))
    return int(number) if re.fullmatch(r"[0-9]{1,6}", number) else None


def _message(said: Mapping[str, object]) -> str:
    """Twilio's own words: `message`, or `title` and `detail` (RFC 9457). They quote the number,
    and go into logs and journals: it is masked."""
    words = [said.get("message"), said.get("title"), said.get("detail")]
    return hide_numbers(": ".join(word for word in words if isinstance(word, str) and word))
