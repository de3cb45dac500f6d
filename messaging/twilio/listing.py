"""Twilio's own record of a message, read from its JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from messaging.domain.answers import Listed
from messaging.domain.job import Sid


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of Twilio's list, newest first; `next_uri` is where the next one is, if any."""

    messages: tuple[Listed, ...]
    next_uri: str | None


def one(text: str) -> Listed:
    """A single message. Raises ValueError if the record cannot be read."""
    return _listed(_object(json.loads(text)))


def page(text: str) -> Page:
    """A page of the list. Raises ValueError if any part of it cannot be read."""
    said = _object(json.loads(text))
    records, following = said.get("messages"), said.get("next_page_uri")
    if not isinstance(records, list):
        raise ValueError("no list of messages")  # noqa: TRY004
    return Page(
        messages=tuple(_listed(_object(record)) for record in records),
        next_uri=_path(following) if following else None,
    )


def _listed(record: Mapping[str, object]) -> Listed:
    code = record.get("error_code")
    return Listed(
        sid=Sid(_text(record, "sid")),
        to=_text(record, "to"),
        sender=_text_or_none(record, "from"),
        messaging_service_sid=_text_or_none(record, "messaging_service_sid"),
        body=_text_or_none(record, "body") or "",
        status=_text(record, "status"),
        direction=_text(record, "direction"),
        date_created=_time(record, "date_created"),
        error_code=int(str(code)) if code else None,
        date_sent=_time(record, "date_sent"),
    )


def _time(record: Mapping[str, object], name: str) -> datetime | None:
    written = record.get(name)
    return parsedate_to_datetime(str(written)) if written else None


def _object(said: object) -> Mapping[str, object]:
    if not isinstance(said, dict):
        raise ValueError("not a record")  # noqa: TRY004
    return said


def _path(uri: object) -> str:
    """A path at Twilio; never an address elsewhere, which would be sent our credentials."""
    if not isinstance(uri, str) or not uri.startswith("/") or uri.startswith("//"):
        raise ValueError("no readable next page")
    return uri


def _text(record: Mapping[str, object], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"a record without {name}")
    return value


def _text_or_none(record: Mapping[str, object], name: str) -> str | None:
    value = record.get(name)
    return value if isinstance(value, str) and value else None
