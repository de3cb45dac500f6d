"""Fault rules as values: what goes wrong, for which messages, how often."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, with_config


class Kind(StrEnum):
    """What can go wrong. The value is the word used in the admin API."""

    # An API request goes wrong.
    TOO_MANY_REQUESTS = "too_many_requests"
    REJECT = "reject"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    SLOW = "slow"
    HANG_BEFORE = "hang_before"
    HANG_AFTER = "hang_after"
    HANG_MIDWAY = "hang_midway"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    TRUNCATE = "truncate"
    NO_SID = "no_sid"
    # An accepted message goes wrong.
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    NEVER_DELIVERED = "never_delivered"
    LIST_LAG = "list_lag"
    # A callback goes wrong.
    CALLBACK_LOST = "callback_lost"
    CALLBACK_DOUBLED = "callback_doubled"
    CALLBACK_DELAYED = "callback_delayed"
    CALLBACK_REORDERED = "callback_reordered"


class Moment(StrEnum):
    """When a rule is asked."""

    REQUEST = "request"
    ENDING = "ending"
    LISTING = "listing"
    CALLBACK = "callback"


class Call(StrEnum):
    """The API calls that a request fault can hit."""

    CREATE = "create"
    FETCH = "fetch"
    LIST = "list"
    UPDATE = "update"
    DELETE = "delete"
    OTHER = "other"
    ANY = "any"


_OF_MESSAGES = {
    Kind.UNDELIVERED: Moment.ENDING,
    Kind.FAILED: Moment.ENDING,
    Kind.NEVER_DELIVERED: Moment.ENDING,
    Kind.LIST_LAG: Moment.LISTING,
}


def moment_of(kind: Kind) -> Moment:
    """When a fault of this kind is decided."""
    if kind.startswith("callback_"):
        return Moment.CALLBACK
    return _OF_MESSAGES.get(kind, Moment.REQUEST)


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which messages a rule is about; what is None matches everything."""

    to: str | None = None
    to_prefix: str | None = None
    body: str | None = None
    """Text that the body contains."""
    sender: str | None = None
    """The From or MessagingServiceSid of the request."""
    status: str | None = None
    """For callback faults: the status that is reported."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One fault. With neither share nor count it hits everything that matches."""

    kind: Kind
    match: Match = Match()
    call: Call = Call.CREATE
    """For request faults: the API call that is hit."""
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The part of what matches that is hit, chosen by the seed and the message."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Stop after this many hits."""
    after: Annotated[int, Field(ge=0)] = 0
    """Let this many matches pass first."""
    delay_ms: Annotated[int, Field(ge=0)] = 1000
    """slow, callback_delayed, list_lag: how long."""
    code: Annotated[int, Field(ge=1)] | None = None
    """reject, undelivered, failed: Twilio's error code."""
    http_status: Annotated[int, Field(ge=400, le=599)] = 500
    """error_before, error_after: 500, 502, 503 or 504."""
    retry_after: Annotated[int, Field(ge=0)] | None = 1
    """too_many_requests: the Retry-After header in seconds; null leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a rule looks at: a request, a message or a callback, in a rule's own words."""

    to: str
    body: str
    sender: str
    call: Call | None = None
    """None for a message or a callback."""
    status: str = ""


def matches(rule: Rule, subject: Subject) -> bool:
    """Whether the rule is about this request, message or callback."""
    wanted = rule.match
    return (
        (subject.call is None or rule.call in (Call.ANY, subject.call))
        and wanted.to in (None, subject.to)
        and wanted.sender in (None, subject.sender)
        and wanted.status in (None, subject.status)
        and subject.to.startswith(wanted.to_prefix or "")
        and (wanted.body or "") in subject.body
    )
