"""Queue entries as the bridge finds them, and what is to be done with each. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from messaging.domain.job import FINAL, JobId, Status
from messaging.domain.record import record

_OURS = re.compile(
    r'\{"job_id": "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"(?:, "campaign": "[0-9a-f]+")?\}'
)
"""An entry as `messaging.put_entries` makes it: to read it as JSON takes twice as long."""
_TO_DECIDE = timedelta(seconds=3)
_SOONER_OR_LATER = timedelta(seconds=30)
"""After this time a doubt is one that lasts."""
_SOON = timedelta(seconds=2)
_RARELY = timedelta(minutes=10)
_ALIASES = {"to": "recipient_phone", "body": "message_content", "template_name": "template"}
_DRAFT_FIELDS = (
    "recipient_phone",
    "message_content",
    "template",
    "template_id",
    "template_vars",
    "scheduled_for",
    "priority",
    "user_id",
    "metadata",
    "max_retries",
    "media_urls",
    "idempotency_key",
    "idempotency_ttl",
    "dedupe_window",
    "category",
    "time_zone",
    "local_time",
    "expires_at",
    "expires_in",
    "max_carrier_retries",
)


@record
class Entry:
    """A leased pgmq message. `written` is the JSON text of whatever somebody put there."""

    msg_id: int
    written: str
    job_id: JobId | None
    """The job that it names; None where it names none."""

    @property
    def message(self) -> object:
        """What somebody put there."""
        return _read(self.written)


@record
class Standing:
    """What the bridge must know of a job.

    `age` is the time since its last claim, `resends` how often it is sent again out of doubt.
    """

    status: Status
    prepared: bool
    resends: int
    age: timedelta
    segments: int = 1
    """How many it counts against a limit in segments; 1 where the limits count messages."""
    may_need_line: bool = False
    """Whether it may be the first text to its number, and of those that get the opt-out line."""


READY = Standing(status=Status.PENDING, prepared=True, resends=0, age=timedelta(0))
"""A job that is just to be sent, as most are."""


@record
class Hint:
    """A job to send and the entry that says so: all that a Celery message carries.

    `segments` are told where the rate limits count them: leave is asked for before the claim.
    """

    job_id: JobId
    msg_id: int
    segments: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Early:
    """An entry whose job is under way or in doubt, and how long ago that was claimed."""

    msg_id: int
    age: timedelta

    def wait(self, quiescence: timedelta) -> timedelta:
        """When to look at it again.

        Once it has been under way for twice as long, for most are settled within a second, and when
        the doubt may be over. Then each two seconds, and ever more rarely where the doubt lasts:
        Twilio may be out for hours, with texts in doubt by the thousand.
        """
        beyond = self.age - quiescence
        if beyond < _TO_DECIDE:
            return max(_SOON, min(self.age, _TO_DECIDE - beyond))
        return max(_SOON, min((beyond - _SOONER_OR_LATER) / 2, _RARELY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An entry for the dead letters, and why nobody can use it."""

    entry: Entry
    reason: str


@dataclass(slots=True, kw_only=True)
class Sorted:
    """Entries by what is to be done with them."""

    ready: list[Hint] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    """Entries of those ready that are sent again out of doubt, and have waited for long."""
    unprepared: list[Hint] = field(default_factory=list)
    early: list[Early] = field(default_factory=list)
    """They keep their place until their job is settled: it may be sent again."""
    spent: list[Entry] = field(default_factory=list)
    whole: list[Entry] = field(default_factory=list)
    dead: list[Letter] = field(default_factory=list)


def entry_of(msg_id: int, written: str) -> Entry:
    """The entry with this JSON text."""
    ours = _OURS.fullmatch(written)
    job_id = JobId(UUID(ours[1])) if ours else _named(_read(written))
    return Entry(msg_id=msg_id, written=written, job_id=job_id)


def _read(written: str) -> object:
    """What this JSON says; what Python cannot read of JSON is a text, not an error."""
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def _named(message: object) -> JobId | None:
    named = message.get("job_id") if isinstance(message, dict) else None
    try:
        return JobId(UUID(named)) if isinstance(named, str) else None
    except ValueError:
        return None


def sort(entries: Iterable[Entry], unusual: Mapping[JobId, Standing | None]) -> Sorted:
    """Sorts leased entries by what their jobs are doing: `unusual` has those that do not exist, as
    None, and those that are not `READY`."""
    result = Sorted()
    seen: set[JobId] = set()
    for entry in entries:
        if entry.job_id is None or (job := unusual.get(entry.job_id, READY)) is None:
            _sort_stray(entry, result)
        elif entry.job_id in seen or job.status in _NO_ENTRY:
            result.spent.append(entry)
        elif job.status is Status.PENDING:
            seen.add(entry.job_id)
            hint = Hint(job_id=entry.job_id, msg_id=entry.msg_id, segments=job.segments)
            (result.ready if job.prepared else result.unprepared).append(hint)
            if job.resends:
                result.again.append(entry.msg_id)
        else:
            result.early.append(Early(msg_id=entry.msg_id, age=job.age))
    return result


_NO_ENTRY = FINAL | {Status.SCHEDULED, Status.RETRYING, Status.HELD}
"""Jobs in these states get a new entry when they become pending again."""


def _sort_stray(entry: Entry, result: Sorted) -> None:
    """An entry without a job: a whole message is adopted, anything else is a dead letter."""
    message = entry.message
    if not isinstance(message, dict):
        result.dead.append(Letter(entry=entry, reason="the entry is not a JSON object"))
        return
    # A job that is named and not there was deleted: its text must not come back to life.
    if message.get("job_id") is not None:
        result.dead.append(Letter(entry=entry, reason="there is no message with its job_id"))
        return
    if adopted(entry).get("recipient_phone"):
        result.whole.append(entry)
        return
    reason = "the entry names no job and no recipient"
    result.dead.append(Letter(entry=entry, reason=reason))


def adopted(entry: Entry, window: timedelta = timedelta(0)) -> dict[str, Any]:
    """The draft in an entry that carries a whole message, as `messaging.enqueue` takes it.

    `window` is the content window of one that has neither its own nor an idempotency key.
    """
    message = entry.message
    given = message if isinstance(message, dict) else {}
    renamed = {_ALIASES.get(key, key): value for key, value in given.items()}
    draft = {key: renamed[key] for key in _DRAFT_FIELDS if renamed.get(key) is not None}
    if window and not draft.keys() & {"dedupe_window", "idempotency_key"}:
        draft["dedupe_window"] = window.total_seconds()
    return draft
