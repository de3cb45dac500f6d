"""`messaging numbers list` and `numbers forget`: numbers that take no texts, and are spared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.phone import mask, normalise
from messaging.domain.wording import count, plain
from messaging.errors import NotFound
from messaging.explanation.line import Tell
from messaging.postgres import figures, numbers
from messaging.postgres.numbers import DeadNumber
from messaging.settings import load
from messaging.twilio.codes import explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """A number as `--json` prints it; `twilio_sid` is the text that its carrier did not deliver."""

    number: str
    error_code: int
    since: datetime
    until: datetime
    twilio_sid: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOfThem:
    """What `list --json` prints: the latest ones, and how many there are in all."""

    numbers: Sequence[Spared]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What `forget --json` prints."""

    number: str


def show_list(screen: Screen, limit: int, *, full: bool) -> ExitCode:
    """Lists numbers that take no texts, the latest first; `full` shows whole numbers."""
    with database(load()) as conn:
        rows = numbers.find(conn, limit)
        now = figures.versions(conn).clock
    total = rows[0].total if rows else 0
    value = AllOfThem(numbers=[_spared(row, full=full) for row in rows], total=total)
    if not rows:
        screen.show(value, Text("No number is known to take no texts.", "dim"))
        return ExitCode.OK
    screen.show(value, "", _table(value, moments.local(now)), "")
    if total > len(rows):
        screen.note(f"And {count(total - len(rows), 'number')} more.", "dim")
    return ExitCode.OK


def forget(screen: Screen, number: str) -> ExitCode:
    """Has the next message to the number sent again. Raises Refused, and NotFound."""
    settings = load()
    phone = normalise(number, settings.default_region)
    with database(settings) as conn:
        known = numbers.forget(conn, phone)
    if not known:
        raise NotFound(f"Nobody has reported that {mask(phone)} takes no texts.")
    screen.show(Forgotten(number=mask(phone)))
    screen.good(f"The next message to {mask(phone)} is sent.")
    return ExitCode.OK


def _spared(row: DeadNumber, *, full: bool) -> Spared:
    return Spared(
        number=row.phone if full else mask(row.phone),
        error_code=row.error_code,
        since=row.since,
        until=row.until,
        twilio_sid=row.twilio_sid,
        reason=explain(row.error_code),
    )


def _table(value: AllOfThem, tell: Tell) -> Table:
    table = columns("number", ">code", "since", "spared until", "reported of", "why")
    for one in value.numbers:
        table.add_row(
            Text(plain(one.number), "bold"),
            Text(str(one.error_code)),
            Text(tell(one.since)),
            Text(tell(one.until)),
            Text(one.twilio_sid or ""),
            Text(one.reason),
        )
    return table
