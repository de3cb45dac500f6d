"""Series: reminders by a rule, and the drafts that their occurrences become."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NewType
from uuid import UUID

from messaging.domain import fields
from messaging.domain.draft import Draft
from messaging.domain.recurrence import Recurrence
from messaging.errors import Refused

SeriesId = NewType("SeriesId", UUID)

_NAMES = {
    "recipient_phone": "to",
    "message_content": "body",
    "template": "template",
    "template_vars": "variables",
    "priority": "priority",
    "user_id": "user_id",
    "metadata": "metadata",
    "max_retries": "max_retries",
    "media_urls": "media_urls",
    "in_doubt_policy": "in_doubt_policy",
    "category": "category",
}
"""Fields of messaging.enqueue that a series may have, and what a draft calls them."""
_LATE = timedelta(hours=1)
"""How late an occurrence may become a message: one that nobody could make in time is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One time of a series: on its clocks, and as an instant."""

    local_time: datetime
    instant: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What of a series becomes messages now, and when to look again; None: it has ended."""

    now: tuple[Occurrence, ...]
    made_until: datetime | None
    next: datetime | None


def plan(
    recurrence: Recurrence,
    made_until: datetime | None,
    made: Collection[datetime],
    at: datetime,
    ahead: timedelta,
) -> Plan:
    """What to do with a series at this instant, to be `ahead` of its occurrences.

    `made` are the times on its clocks that are messages already; up to `made_until` all are.
    """
    to_come = _to_come(recurrence, made_until, at)
    due: list[Occurrence] = []
    following = None
    for occurrence in to_come:
        if occurrence.instant > at + ahead:
            following = occurrence.instant - ahead
            break
        due.append(occurrence)
    return Plan(
        now=tuple(one for one in due if one.local_time not in made),
        made_until=due[-1].local_time if due else made_until,
        next=following,
    )


def upcoming(recurrence: Recurrence, at: datetime) -> Occurrence | None:
    """The next occurrence after an instant, or None."""
    return next((one for one in _to_come(recurrence, None, at) if one.instant > at), None)


def _to_come(
    recurrence: Recurrence, made_until: datetime | None, at: datetime
) -> Iterator[Occurrence]:
    for local_time, instant in recurrence.instants():
        if (made_until is None or local_time > made_until) and instant > at - _LATE:
            yield Occurrence(local_time=local_time, instant=instant)


def draft_of(written: Mapping[str, object]) -> Draft:
    """The draft that a series' fields make, without its time. Raises Refused."""
    unknown = sorted(written.keys() - _NAMES.keys())
    if unknown:
        raise Refused(f"{unknown[0][:40]} is no field of a series: check how it is written.")
    values: dict[str, Any] = {
        _NAMES[name]: value for name, value in written.items() if value is not None
    }
    if "user_id" in values:
        values["user_id"] = _user(values["user_id"])
    return Draft(to=fields.text(values.pop("to", ""), "recipient_phone"), **values)


def fields_of(draft: Draft) -> dict[str, object]:
    """The fields that a draft makes; the other way round."""
    by_name = {name: getattr(draft, field) for name, field in _NAMES.items()}
    empty: tuple[object, ...] = (None, 0, "", {}, ())
    given = {name: value for name, value in by_name.items() if value not in empty}
    if draft.user_id is not None:
        given["user_id"] = str(draft.user_id)
    if draft.media_urls:
        given["media_urls"] = list(draft.media_urls)
    return given


def _user(written: object) -> UUID:
    try:
        return UUID(str(written))
    except ValueError:
        raise Refused(f"user_id {str(written)[:40]!r} is no UUID.") from None
