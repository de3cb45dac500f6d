"""`messaging show`: a message as it stands."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import look
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.styles import of_status
from messaging.commands.tables import grid
from messaging.domain.job import JobId, Lane
from messaging.domain.phone import mask
from messaging.domain.wording import count, hide_numbers, plain
from messaging.errors import NotFound
from messaging.explanation.line import Tell
from messaging.explanation.standing import why
from messaging.postgres import figures, messages
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Message
from messaging.settings import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message as `--json` prints it: with `--full` the number is whole and `body` is there."""

    id: JobId
    status: str
    delivery_status: str | None
    to: str
    body: str | None
    characters: int
    segments: int | None
    template: str | None
    template_version: int | None
    lane: str
    priority: int
    scheduled_for: datetime | None
    expires_at: datetime | None
    attempt: int
    retry_count: int
    max_retries: int
    twilio_sid: str | None
    error_code: int | None
    error: str | None
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    due_at: datetime | None


def show(screen: Screen, id: UUID, *, full: bool) -> ExitCode:
    """Shows the message; `full` shows its whole number and its text. Raises NotFound."""

    def find(conn: Postgres) -> tuple[Message, datetime] | None:
        message = messages.show(conn, JobId(id))
        return (message, figures.versions(conn).clock) if message else None

    found = look(screen, load(), find).value
    if found is None:
        raise NotFound(f"There is no message {id}.")
    message, now = found
    shown = _shown(message, full=full)
    table = grid()
    for name, text in _rows(shown, moments.local(now)):
        table.add_row(name, text)
    screen.show(shown, "", table, "")
    return ExitCode.OK


def _shown(message: Message, *, full: bool) -> Shown:
    error = why(message)
    return Shown(
        id=message.id,
        status=message.status,
        delivery_status=message.delivery_status,
        to=message.recipient_phone if full else mask(message.recipient_phone),
        body=message.message_content if full else None,
        characters=len(message.message_content),
        segments=message.segments,
        template=message.template,
        template_version=message.template_version,
        lane=Lane.of(message.priority),
        priority=message.priority,
        scheduled_for=message.scheduled_for,
        expires_at=message.expires_at,
        attempt=message.attempt,
        retry_count=message.retry_count,
        max_retries=message.max_retries,
        twilio_sid=message.twilio_sid,
        error_code=message.error_code,
        error=(error if full else hide_numbers(error)) or None,
        created_at=message.created_at,
        sent_at=message.sent_at,
        delivered_at=message.delivered_at,
        due_at=message.due_at,
    )


def _rows(shown: Shown, tell: Tell) -> list[tuple[str, Text]]:
    """Those that say something."""
    rows = [
        ("message", Text(str(shown.id), "bold")),
        ("status", Text(shown.status, of_status(shown.status, shown.delivery_status))),
        ("delivery", Text(plain(shown.delivery_status or ""))),
        ("why", Text(plain(shown.error or ""))),
        ("to", Text(plain(shown.to))),
        ("text", Text(plain(shown.body) if shown.body is not None else _size(shown))),
        ("template", Text(plain(_template(shown)))),
        ("priority", Text(f"{shown.priority}, {shown.lane} lane")),
        ("attempts", Text(_attempts(shown))),
        ("SID", Text(shown.twilio_sid or "")),
    ]
    times = (
        ("handed over", shown.created_at),
        ("scheduled for", shown.scheduled_for),
        ("expires", shown.expires_at),
        ("sent", shown.sent_at),
        ("delivered", shown.delivered_at),
        ("looked at next", shown.due_at),
    )
    rows += [(name, Text(tell(time))) for name, time in times if time]
    return [(name, text) for name, text in rows if text.plain]


def _size(shown: Shown) -> str:
    parts = f" in {count(shown.segments, 'part')}" if shown.segments else ""
    return f"{count(shown.characters, 'character')}{parts}"


def _template(shown: Shown) -> str:
    version = f", version {shown.template_version}" if shown.template_version else ""
    return f"{shown.template}{version}" if shown.template else ""


def _attempts(shown: Shown) -> str:
    if not shown.attempt:
        return ""
    return f"{shown.attempt}, {shown.retry_count} of {count(shown.max_retries, 'retry', 'retries')}"
