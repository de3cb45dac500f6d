"""Twilio's list beside the database, after a failover or a restore: what is found. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from messaging.domain.answers import Listed
from messaging.domain.doubt import as_found, without_prefix
from messaging.domain.job import JobId, Sid
from messaging.domain.outcome import AtTwilio, Outcome, taken


class Kind(StrEnum):
    """What a finding is."""

    RECORDED = "recorded"
    """Twilio has the text of a job that waits here: the job is sent, and not to be sent again."""
    HELD = "held"
    """Twilio may have the text of a job that waits here: a person decides."""
    UNKNOWN = "unknown"
    """Twilio has a text that no job here is known to be."""
    MISSING = "missing"
    """A job was sent here, and Twilio has no message with its SID."""
    WAITING = "waiting"
    """Nothing at Twilio looks like this job: it goes out when the workers run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One of them. `at` is Twilio's time of the text, or else when the job was made or sent."""

    id: int
    verdict: Kind
    job_id: JobId | None
    attempt: int | None
    status: str | None
    recipient: str | None
    sid: Sid | None
    delivery_status: str | None
    error_code: int | None
    due_in: timedelta | None
    reason: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is compared: texts that Twilio created since then, and until then where that is set."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What comparing came to.

    `seen` counts Twilio's messages, `bare` the rows that could not be compared because they are
    not prepared. `done` counts what was changed, by kind, and is empty unless that was wanted;
    `examples` are the first findings of each kind.
    """

    window: Window
    seen: int
    bare: int
    found: Mapping[Kind, int]
    done: Mapping[Kind, int]
    examples: Mapping[Kind, tuple[Finding, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message of Twilio's list as it is compared: its words with and without what Twilio adds."""

    sid: Sid
    recipient: str
    body: str
    bare_body: str
    is_ours: bool
    status: str
    error_code: int | None
    created_at: datetime | None


def seen(listed: Listed, senders: frozenset[str]) -> Seen:
    """The message as it is compared; `senders` are the services and numbers that we send from."""
    body = _storable(listed.body)
    return Seen(
        sid=listed.sid,
        recipient=_storable(listed.to),
        body=body,
        bare_body=without_prefix(body),
        is_ours=listed.is_from(senders),
        status=listed.status,
        error_code=listed.error_code,
        created_at=listed.date_created,
    )


def recorded(finding: Finding, by: str | None) -> Outcome | None:
    """What a job whose text Twilio has comes to; None where the finding is no such one."""
    if finding.verdict is not Kind.RECORDED or finding.job_id is None or finding.sid is None:
        return None
    text = AtTwilio(
        sid=finding.sid,
        status=finding.delivery_status or "",
        send_in=finding.due_in,
        error_code=finding.error_code,
    )
    return as_found(taken(finding.job_id, finding.attempt or 0, text), by)


def _storable(text: str) -> str:
    """The text without what Postgres cannot keep; then it is no job's text either."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
