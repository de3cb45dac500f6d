"""`messaging held`: what waits for a person, and what the person may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.styles import of_status
from messaging.commands.tables import columns
from messaging.domain.job import JobId
from messaging.domain.phone import mask
from messaging.domain.wording import count, hide_numbers, plain
from messaging.explanation.deciding import CHOICES, next_step, reason_of
from messaging.explanation.line import Tell
from messaging.postgres import decisions, figures
from messaging.postgres.decisions import Held
from messaging.settings import load

_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message as `--json` prints it; `next` is what to do, in a sentence."""

    id: JobId
    status: str
    since: datetime
    attempt: int
    to: str
    scheduled_for: datetime | None
    reason: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOfThem:
    """What `--json` prints: those that wait longest, and how many there are in all."""

    messages: Sequence[Waiting]
    total: int


def show_held(screen: Screen, *, full: bool) -> ExitCode:
    """Lists what waits for a person, oldest first; `full` shows whole numbers."""
    with database(load()) as conn:
        rows = decisions.held(conn, _MOST)
        total = decisions.held_count(conn)
        now = figures.versions(conn).clock
    told = moments.iso if screen.json else moments.local(now)
    value = AllOfThem(messages=[_waiting(row, told, full=full) for row in rows], total=total)
    if not rows:
        screen.show(value, Text("No message waits for a person.", "dim"))
        return ExitCode.OK
    screen.show(value, "", _table(value, moments.local(now)), "", Text(CHOICES), "")
    if total > len(rows):
        screen.note(f"And {count(total - len(rows), 'message')} more.", "dim")
    return ExitCode.OK


def _waiting(row: Held, tell: Tell, *, full: bool) -> Waiting:
    reason = reason_of(row.status, row.reason)
    return Waiting(
        id=row.id,
        status=row.status,
        since=row.since,
        attempt=row.attempt,
        to=row.recipient_phone if full else mask(row.recipient_phone),
        scheduled_for=row.scheduled_for,
        reason=reason if full else hide_numbers(reason),
        next=next_step(row.status, tell(row.due_at) if row.due_at else ""),
    )


def _table(value: AllOfThem, tell: Tell) -> Table:
    table = columns("message", "status", "since", "to", ">attempts", "why")
    for one in value.messages:
        table.add_row(
            Text(str(one.id), "bold"),
            Text(one.status.replace("_", " "), of_status(one.status, None)),
            Text(tell(one.since)),
            Text(plain(one.to)),
            Text(str(one.attempt)),
            Text(plain(one.reason)),
        )
    return table
