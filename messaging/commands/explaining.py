"""`messaging explain`: what happened to a message, and what happens next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from rich.table import Table
from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import look
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.styles import TONES, of_status
from messaging.commands.tables import grid
from messaging.domain.job import JobId, Lane
from messaging.domain.phone import mask
from messaging.domain.wording import hide_numbers, plain
from messaging.errors import NotFound
from messaging.explanation.journal import lines
from messaging.explanation.line import Line
from messaging.explanation.outlook import outlook
from messaging.explanation.ruling import Record
from messaging.explanation.standing import standing
from messaging.explanation.turns import ahead, turns
from messaging.postgres import figures, messages, queues, rulebooks
from messaging.postgres.jobs import Postgres
from messaging.postgres.messages import Event, Message
from messaging.postgres.queues import Turn
from messaging.settings import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What `--json` prints; times inside sentences are in UTC."""

    id: JobId
    to: str
    status: str
    delivery_status: str | None
    journal: Sequence[Line]
    standing: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """All that is known of a message; `in_lane` is how many entries its lane's queue has."""

    message: Message
    events: Sequence[Event]
    record: Record
    in_lane: int
    turn: Turn | None
    now: datetime


def explain(screen: Screen, id: UUID, *, full: bool) -> ExitCode:
    """Tells the message's story; `full` shows whole numbers. Raises NotFound."""

    def find(conn: Postgres) -> _Found | None:
        message = messages.show(conn, JobId(id))
        if message is None:
            return None
        return _Found(
            message=message,
            events=messages.events(conn, JobId(id)),
            record=Record(
                books=rulebooks.of_job(conn, message.id), versions=rulebooks.versions(conn)
            ),
            in_lane=_in_lane(conn, message),
            turn=queues.turn(conn, JobId(id)),
            now=figures.versions(conn).clock,
        )

    settings = load()
    found = look(screen, settings, find).value
    if found is None:
        raise NotFound(f"There is no message {id}.")
    message, now = found.message, found.now
    tell = moments.iso if screen.json else moments.local(now)
    journal = lines(message, found.events, tell, found.record)
    told = _explained(message, journal, standing(message, found.events, tell), full=full)
    expected = outlook(message, now, ahead(found.in_lane, found.turn), settings.sends_per_second)
    expected = turns(found.turn) + expected
    told = replace(told, standing=replace(told.standing, text=told.standing.text + expected))
    if screen.json:
        screen.show(told)
        return ExitCode.OK
    screen.show(None, "", _heading(told), "", _journal(told), "", _standing(told), "")
    return ExitCode.OK


def _in_lane(conn: Postgres, message: Message) -> int:
    """How many entries its lane's queue has."""
    lane = Lane.of(message.priority)
    return next((depth.queue_length for depth in queues.depths(conn) if depth.lane == lane), 0)


def _explained(
    message: Message, journal: Sequence[Line], standing: Line, *, full: bool
) -> Explained:
    def shown(line: Line) -> Line:
        return line if full else replace(line, text=hide_numbers(line.text))

    return Explained(
        id=message.id,
        to=message.recipient_phone if full else mask(message.recipient_phone),
        status=message.status,
        delivery_status=message.delivery_status,
        journal=[shown(line) for line in journal],
        standing=shown(standing),
    )


def _heading(told: Explained) -> Text:
    style = of_status(told.status, told.delivery_status)
    status = ", ".join(filter(None, (told.status, told.delivery_status)))
    return Text.assemble(
        (str(told.id), "bold"), ("  to ", "dim"), plain(told.to), "  ", (status, style)
    )


def _journal(told: Explained) -> Table:
    """A line an event; the day is told where it is another than in the line above."""
    table = grid()
    table.add_column(style="dim", no_wrap=True)
    table.add_column(ratio=1)
    day = ""
    for line in told.journal:
        at = line.at.astimezone() if line.at else None
        today = f"{at:%d %b %Y}" if at else day
        time = f"{at:%H:%M:%S.%f}"[:-4] if at else ""
        table.add_row("" if today == day else today, time, Text(plain(line.text), TONES[line.tone]))
        day = today
    return table


def _standing(told: Explained) -> Text:
    return Text(plain(told.standing.text), f"bold {TONES[told.standing.tone]}".strip())
