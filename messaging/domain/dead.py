"""Dead letters: which are meant, what becomes of them, what of one may be shown. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from messaging.domain.job import JobId, Lane
from messaging.domain.wording import hide_numbers


class Kind(StrEnum):
    """Why something is a dead letter."""

    FAILED = "failed"
    HELD = "held"
    UNREADABLE = "unreadable"
    """An entry of `sms_dlq`: nobody could make a message of it."""


class Fate(StrEnum):
    """What became of a replay or a discard. The SQL functions say the same words."""

    REPLAYED = "replayed"
    REPLAYABLE = "replayable"
    """It would be, were this no trial."""
    PUT_BACK = "put_back"
    DISCARDED = "discarded"
    DISCARDABLE = "discardable"
    NOT_FOUND = "not_found"
    HELD = "held"
    IN_DOUBT = "in_doubt"
    SENT = "sent"
    PAST_DEADLINE = "past_deadline"
    NOT_FAILED = "not_failed"
    NOT_ENDED = "not_ended"
    MAY_BE_OUT = "may_be_out"
    REPLAY_MAY_BE_OUT = "replay_may_be_out"
    REPLAYED_BEFORE = "replayed_before"
    DISCARDED_BEFORE = "discarded_before"
    REFUSED = "refused"
    UNUSABLE = "unusable"

    @property
    def is_done(self) -> bool:
        """Whether it was done, or would be."""
        return self in _DONE


_DONE = frozenset({Fate.REPLAYED, Fate.REPLAYABLE, Fate.PUT_BACK, Fate.DISCARDED, Fate.DISCARDABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which dead letters are meant: those of which all that is given holds."""

    kind: Kind | None = None
    error_code: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    user_id: UUID | None = None
    lane: Lane | None = None
    id: JobId | None = None
    msg_id: int | None = None


_FAILING_ROW = re.compile(r"Failing row contains \(.*", re.DOTALL)
_QUOTED = re.compile(r'"(?![a-z]+(?:_[a-z]+)+")[^"]*"')
_DIGITS = re.compile(r"(?<![\w-])\+?\d[\d ().-]{5,}\d(?![\w-])")


def shown_reason(reason: str | None) -> str:
    """Why it is dead, without numbers and without what Postgres quotes of the row."""
    said = _FAILING_ROW.sub("", (reason or "").strip()).strip()
    said = hide_numbers(_QUOTED.sub('"…"', said))
    said = _DIGITS.sub("*****", said).rstrip(" :")
    if not said:
        return "No reason is recorded."
    return said if said.endswith((".", "!", "?")) else f"{said}."


def parts(written: str | None) -> Mapping[str, str]:
    """The fields of an entry by name, each with no more than its kind and size."""
    try:
        entry = json.loads(written or "null")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(entry, dict):
        return {}
    return {str(name)[:40]: _size(value) for name, value in list(entry.items())[:30]}


def _size(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return f"a text of {len(value):,} characters"
        case int() | float():
            return "a number"
        case list():
            return f"a list of {len(value):,}"
        case _:
            return "an object"
