"""The fields of a draft, a check each: the value comes back, or Refused says what to change."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from messaging.domain import wording
from messaging.errors import Refused

MAX_MEDIA = 10
"""Media that Twilio takes in one message (Messages resource, parameter MediaUrl)."""
MAX_MEDIA_URL = 2048
MAX_KEY = 255
MAX_JSON = 100_000
"""Bytes of metadata, or of variables, as JSON: a text needs far fewer, and a table has millions."""
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""The times that a message may have: every client of the database can read these."""

_NUL_IN_JSON = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def text(value: object, name: str) -> str:
    """The value if it is a string that Postgres can store."""
    if not isinstance(value, str):
        raise Refused(f"{name} is a {type(value).__name__}: give a text.")
    if "\0" in value:
        raise Refused(f"{name} has a NUL character (U+0000), which cannot be stored: remove it.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused(f"{name} has half of a surrogate pair: give well-formed Unicode.") from None
    return value


def media_urls(urls: Sequence[str]) -> tuple[str, ...]:
    """The addresses if Twilio can fetch from all of them, as far as their form shows it."""
    if isinstance(urls, str) or not isinstance(urls, Sequence):
        raise Refused(f"media_urls is a {type(urls).__name__}: give a list of addresses.")
    if len(urls) > MAX_MEDIA:
        raise Refused(f"There are {len(urls)} media_urls: give {MAX_MEDIA} or fewer.")
    for position, url in enumerate(urls, start=1):
        if not _is_web_address(text(url, f"Number {position} of the media_urls")):
            raise Refused(
                f"Number {position} of the media_urls is no web address: give one that begins "
                f"with https://, has no spaces and at most {MAX_MEDIA_URL:,} characters."
            )
    return tuple(urls)


def json_object(value: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The value if it is an object that a jsonb column can store."""
    if not isinstance(value, Mapping):
        raise Refused(f"{name} is a {type(value).__name__}: give an object of names and values.")
    if not value:
        return value
    try:
        written = json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise Refused(
            f"{name} cannot be written as JSON: give only texts, finite numbers, true, false, "
            "null, and lists and objects of them."
        ) from None
    if len(text(written, name).encode()) > MAX_JSON:
        raise Refused(f"{name} has more than {MAX_JSON:,} bytes as JSON: keep it elsewhere.")
    if _NUL_IN_JSON.search(written):
        raise Refused(f"{name} has a NUL character (U+0000), which cannot be stored: remove it.")
    return value


def with_zone(moment: datetime | None, name: str) -> datetime | None:
    """The time if it says in which time zone it is."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise Refused(f"{name} is a {type(moment).__name__}: give a datetime with a zone.")
    if moment.utcoffset() is None:
        raise Refused(f"{name} has no time zone: give one, for example UTC.")
    if not EARLIEST <= moment <= LATEST:
        raise Refused(f"{name} must be between the years 1970 and 9998.")
    return moment


def whole(value: int, allowed: range, name: str) -> int:
    """The number if it is a whole one within the allowed ones."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise Refused(f"{name} must be a whole number from {allowed[0]} to {allowed[-1]}.")
    return value


def uuid(value: UUID | None, name: str) -> UUID | None:
    """The id if it is a UUID object; a text is none, so that a wrong one shows at its source."""
    if value is not None and not isinstance(value, UUID):
        raise Refused(f"{name} is a {type(value).__name__}: give a UUID.")
    return value


def key(value: str | None) -> str | None:
    """The idempotency key if it can be indexed and compared."""
    if value is None:
        return None
    length = len(text(value, "idempotency_key"))
    if not 1 <= length <= MAX_KEY:
        raise Refused(f"idempotency_key has {length} characters: give 1 to {MAX_KEY} of them.")
    return value


def span(
    value: timedelta | None, allowed: tuple[timedelta, timedelta], name: str
) -> timedelta | None:
    """The time if it is within the allowed ones, both included."""
    if value is None:
        return None
    if not isinstance(value, timedelta):
        raise Refused(f"{name} is a {type(value).__name__}: give a timedelta.")
    least, most = allowed
    if not least <= value <= most:
        raise Refused(
            f"{name} is {value}: give a time from {wording.span(least)} to {wording.span(most)}."
        )
    return value


def _is_web_address(url: str) -> bool:
    if len(url) > MAX_MEDIA_URL or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
