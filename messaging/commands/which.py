"""Which dead letters were meant: by id, or by a filter."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from messaging.commands import moments
from messaging.domain.dead import Filter, Kind
from messaging.domain.job import JobId, Lane
from messaging.domain.wording import plain
from messaging.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The filter as it was typed."""

    status: str | None = None
    code: int | None = None
    since: str | None = None
    until: str | None = None
    user: str | None = None
    lane: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed."""
        return all(getattr(self, field.name) is None for field in fields(self))


def chosen(given: Given, now: datetime) -> Filter:
    """The filter that was meant. Raises Refused where a part of it cannot be read."""
    return Filter(
        kind=Kind(_one_of(given.status, tuple(Kind), "--status")) if given.status else None,
        error_code=given.code,
        since=moments.past(given.since, now, "--since") if given.since else None,
        until=moments.past(given.until, now, "--until") if given.until else None,
        user_id=_user(given.user) if given.user else None,
        lane=Lane(_one_of(given.lane, tuple(Lane), "--lane")) if given.lane else None,
    )


def named(id: str) -> Filter:
    """The one with this id: a message's, or the number of an entry in `sms_dlq`.

    Raises Refused.
    """
    text = id.strip()
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return Filter(msg_id=int(text))
    try:
        return Filter(id=JobId(UUID(text)))
    except ValueError:
        raise Refused(
            f"{plain(text)[:60]!r} is neither a message's id nor the number of an entry: "
            "`messaging dead list` shows both."
        ) from None


def _one_of(text: str, known: Sequence[str], option: str) -> str:
    if text not in known:
        raise Refused(f"{option} takes one of {', '.join(known)}.")
    return text


def _user(text: str) -> UUID:
    try:
        return UUID(text.strip())
    except ValueError:
        raise Refused("--user takes the user's id, a UUID.") from None
