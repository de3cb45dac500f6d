"""Plans: what would become of the rows of a file, by the rules that hold for all messages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from messaging.domain.consent import Said
from messaging.domain.destinations import Destinations
from messaging.domain.draft import Draft, Prepared
from messaging.domain.job import URGENT_ABOVE, Claim, JobId, Lane, Phone
from messaging.domain.quiet_hours import QuietHours, Recipient
from messaging.domain.review import Defer, Expire, Rulebook, Suppress, review

_NOBODY = JobId(UUID(int=0))
"""In place of the id that a job would get."""
_AT_HAND_OVER = Rulebook(quiet_hours=QuietHours(own={}, by_law=False))
"""What ends a message as soon as it is stored: its deadline, and a number that takes no texts."""


class Why(StrEnum):
    """Why the text of a row is not sent; what a review objects to is called as it is there."""

    DUPLICATE = "duplicate"
    COUNTRY = "country"
    BLOCKED = "blocked_prefix"
    OPTED_OUT = "opt_out"
    NO_CONSENT = "consent"
    DEAD_NUMBER = "dead_number"
    DEADLINE = "deadline"
    LATE = "late"
    STOPPED = "stopped"
    OVER_CAP = "cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record of a file: a draft, or the reason why it is none."""

    number: int
    line: int
    draft: Draft | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """It would become no message, until somebody puts it right."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """There is nothing wrong with it, and it is not sent."""

    why: Why
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """A text that goes out from `due` on, as soon as there is room for it.

    `waits` says that quiet hours keep it until then, `keeps_hours` that it has any to keep.
    """

    recipient: Recipient
    lane: Lane
    due: datetime
    waits: bool
    keeps_hours: bool
    expires_at: datetime | None


Verdict = Skip | Going


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What Postgres knows of a draft: the stop of its country or campaign, what its number said
    last, and what a carrier reported of it."""

    stop: str | None = None
    said: tuple[Said, ...] = ()
    dead_code: int | None = None
    dead_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for all of a file: the review's rules, what is stopped by lane, and after how
    long a text without a deadline expires.

    `book` may leave destinations out: `out_of_bounds` has asked about them.
    """

    book: Rulebook
    stopped: Mapping[Lane, str]
    lifetimes: Mapping[Lane, timedelta]
    now: datetime


def out_of_bounds(phone: Phone, destinations: Destinations) -> Skip | None:
    """Why no text may go to this number; None: it may."""
    reason = destinations.why_not(phone)
    if reason is None:
        return None
    why = Why.BLOCKED if phone.startswith(destinations.blocked or ("?",)) else Why.COUNTRY
    return Skip(why=why, reason=reason)


def judge(draft: Prepared, known: Known, rules: Rules) -> Verdict:
    """What becomes of a draft that is a message by now: sent from when on, or why not."""
    lane = Lane.of(draft.priority)
    time = max(rules.now, draft.scheduled_for or rules.now)
    expires_at = _deadline(draft, lane, time, rules)
    claim = _claim(draft, known, time, expires_at)
    objection = review(replace(claim, said=()), _AT_HAND_OVER) or review(claim, rules.book)
    match objection:
        case Expire(reason=reason):
            return Skip(why=Why.DEADLINE, reason=reason)
        case Suppress(rule=rule, reason=reason):
            return Skip(why=Why(rule), reason=reason)
        case Defer() | None:
            pass
        case _:
            assert_never(objection)
    if stop := rules.stopped.get(lane) or known.stop:
        reason = f"Sending is stopped: {stop}. It waits until that is resumed."
        return Skip(why=Why.STOPPED, reason=reason)
    recipient = _recipient(draft)
    return Going(
        recipient=recipient,
        lane=lane,
        due=time + objection.due_in if objection else time,
        waits=objection is not None,
        keeps_hours=rules.book.quiet_hours.concern(recipient.category, urgent=recipient.urgent),
        expires_at=expires_at,
    )


def _deadline(draft: Prepared, lane: Lane, time: datetime, rules: Rules) -> datetime | None:
    if draft.expires_at or lane not in rules.lifetimes:
        return draft.expires_at
    return time + rules.lifetimes[lane]


def _claim(draft: Prepared, known: Known, time: datetime, expires_at: datetime | None) -> Claim:
    """The claim that there would be, if a worker came to it right when it is due."""
    is_dead = known.dead_until is not None and known.dead_until > time
    return Claim(
        id=draft.id or _NOBODY,
        attempt=1,
        recipient_phone=draft.recipient_phone,
        message_content=draft.message_content,
        media_urls=draft.media_urls,
        retry_count=0,
        max_retries=0,
        in_doubt_policy=draft.in_doubt_policy,
        doubt_resends=0,
        expires_in=None if expires_at is None else expires_at - time,
        said=known.said,
        category=draft.category,
        time_zone=draft.time_zone,
        claimed_at=time,
        urgent=draft.priority > URGENT_ABOVE,
        dead_code=known.dead_code if is_dead else None,
    )


def _recipient(draft: Prepared) -> Recipient:
    return Recipient(
        phone=draft.recipient_phone,
        category=draft.category,
        time_zone=draft.time_zone,
        urgent=draft.priority > URGENT_ABOVE,
    )
