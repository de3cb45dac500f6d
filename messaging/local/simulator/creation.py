"""A request to send, checked as Twilio checks it, and turned into a message."""

import json
import random
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from messaging.domain import segments
from messaging.local.simulator.clock import parse_iso8601
from messaging.local.simulator.config import Config
from messaging.local.simulator.forms import Form
from messaging.local.simulator.lookalikes import plain
from messaging.local.simulator.message import Message, query_parameter
from messaging.local.simulator.refusals import Refusal, refusal

MAX_BODY: Final = 1600
MAX_MEDIA: Final = 10
SOONEST: Final = 300
LATEST: Final = 35 * 24 * 3600
LONGEST_VALIDITY: Final = 36_000

_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_CHANNEL = re.compile(r"(whatsapp|rcs|messenger):\S+")
_SHORT_CODE = re.compile(r"\d{3,8}")
_SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}")
_CONTENT = re.compile(r"HX[0-9a-fA-F]{32}")
_PUNCTUATION = str.maketrans("", "", " -().")
_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]+")

# Twilio's test credentials: https://www.twilio.com/docs/iam/test-credentials
_MAGIC_FROM: Final = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
_MAGIC_TO: Final = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
_unique = random.Random()  # noqa: S311 - a SID is no secret, and must differ between runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller asks for, before anything is checked."""

    to: str
    sender: str
    service: str
    body: str
    media: tuple[str, ...]
    form: Form


def read(form: Form) -> Wish:
    """The request in our words; a Messaging Service given as From is one all the same."""
    sender, service = form.get("From"), form.get("MessagingServiceSid")
    if sender.startswith("MG"):
        sender, service = "", service or sender
    return Wish(
        to=_address(form.get("To")),
        sender=_address(sender),
        service=service,
        body=_body(form),
        media=form.all("MediaUrl"),
        form=form,
    )


def check(wish: Wish, config: Config, now: float) -> Refusal | None:
    """The first thing that is wrong with a request, or None."""
    return (
        _check_recipient(wish)
        or _check_sender(wish, config)
        or _check_content(wish)
        or _check_options(wish)
        or (_check_schedule(wish.form, now) if wish.service else None)
    )


def message(wish: Wish, config: Config, *, request: int, now: float) -> Message:
    """The message that Twilio makes of a request that is in order."""
    send_at = parse_iso8601(wish.form.get("SendAt")) if _is_scheduled(wish) else None
    callback = wish.form.get("StatusCallback") or (config.status_callback if wish.service else None)
    return Message(
        sid=new_sid("MM" if wish.media else "SM"),
        request=request,
        to=wish.to,
        body=wish.body,
        sender=wish.sender or None,
        service=wish.service or None,
        status="scheduled" if send_at else "accepted" if wish.service else "queued",
        created_at=now,
        updated_at=now,
        segments=1 if wish.media else max(1, segments.count(wish.body).parts),
        media=wish.media,
        status_callback=callback or None,
        job=query_parameter(callback, config.job_parameter),
        attempt=query_parameter(callback, config.attempt_parameter),
        validity=_validity(wish.form),
        send_at=send_at,
    )


def new_sid(prefix: str) -> str:
    """A SID that no other run of the simulator makes again, whatever the seed."""
    return f"{prefix}{_unique.getrandbits(128):032x}"


def _address(text: str) -> str:
    """A phone number without spaces and punctuation; names and channel addresses as they are."""
    return text.translate(_PUNCTUATION) if text.startswith(("+", "(")) else text


def _body(form: Form) -> str:
    """The text; there are no content templates here, so one shows its SID and variables."""
    if form.get("ContentSid"):
        return f"{form.get('ContentSid')} {form.get('ContentVariables')}".rstrip()
    smart = form.get("SmartEncoded").lower() == "true"
    return plain(form.get("Body")) if smart else form.get("Body")


def _check_recipient(wish: Wish) -> Refusal | None:
    if not wish.to:
        return refusal(21604)
    code = _MAGIC_TO.get(wish.to)
    if not code and not _PHONE.fullmatch(wish.to) and not _CHANNEL.fullmatch(wish.to):
        code = 21211
    return refusal(code, to=wish.to, sender=wish.sender) if code else None


def _check_sender(wish: Wish, config: Config) -> Refusal | None:
    if wish.service and wish.service not in config.messaging_services:
        return refusal(21701)
    if not wish.sender:
        return None if wish.service else refusal(21603)
    code = _MAGIC_FROM.get(wish.sender)
    if not code and not _may_send(wish.sender):
        code = 21212
    if not code and config.own_numbers_only and wish.sender not in config.numbers:
        code = 21606
    return refusal(code, sender=wish.sender) if code else None


@lru_cache(maxsize=256)
def _may_send(sender: str) -> bool:
    kinds = (_PHONE, _SHORT_CODE, _SENDER_NAME, _CHANNEL)
    return any(kind.fullmatch(sender) for kind in kinds)


def _check_content(wish: Wish) -> Refusal | None:
    if not wish.body and not wish.media:
        return refusal(21602)
    if len(wish.body) > MAX_BODY:
        return refusal(21617)
    if len(wish.media) > MAX_MEDIA:
        return refusal(21623)
    return None if all(_is_url(url) for url in wish.media) else refusal(21620)


def _check_options(wish: Wish) -> Refusal | None:
    content, variables = wish.form.get("ContentSid"), wish.form.get("ContentVariables")
    callback = wish.form.get("StatusCallback")
    if content and not _CONTENT.fullmatch(content):
        return refusal(21655)
    if variables and not _is_object(variables):
        return refusal(21656)
    if not 1 <= _validity(wish.form) <= LONGEST_VALIDITY:
        return refusal(21624)
    if callback and not _is_url(callback):
        return refusal(21609, callback=callback)
    return None


def _validity(form: Form) -> int:
    """Seconds that the message may wait at Twilio; 0 where the field is no number."""
    if not form.get("ValidityPeriod"):
        return LONGEST_VALIDITY
    return form.number("ValidityPeriod") or 0


def _is_scheduled(wish: Wish) -> bool:
    """Without a Messaging Service Twilio drops the schedule and sends at once."""
    return bool(wish.service and wish.form.get("ScheduleType"))


def _check_schedule(form: Form, now: float) -> Refusal | None:
    kind, send_at = form.get("ScheduleType"), form.get("SendAt")
    if not kind:
        return None
    if kind != "fixed":
        return refusal(35126)
    if not send_at:
        return refusal(35111)
    at = parse_iso8601(send_at)
    if at is None:
        return refusal(35115)
    return None if SOONEST < at - now < LATEST else refusal(35114)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(_HOST.fullmatch(host))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
