"""`messaging dead list` and `dead show`: what has failed, is held, or could not be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rich.table import Table
from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.styles import of_status
from messaging.commands.tables import columns, grid
from messaging.commands.undertaking import sentence, verdict
from messaging.commands.which import Given, chosen, named
from messaging.domain.dead import Filter, parts, shown_reason
from messaging.domain.job import JobId
from messaging.domain.phone import mask
from messaging.domain.wording import count, plain
from messaging.errors import NotFound
from messaging.explanation.line import Tell
from messaging.postgres import dead, figures, messages
from messaging.postgres.dead import DeadLetter
from messaging.postgres.jobs import Postgres
from messaging.settings import load
from messaging.twilio.codes import explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A dead letter as `--json` prints it: a message has an `id`, any other an `entry`."""

    kind: str
    id: JobId | None
    entry: int | None
    since: datetime
    lane: str | None
    user_id: UUID | None
    to: str | None
    attempt: int | None
    error_code: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOfThem:
    """What `list --json` prints: those that are dead longest, and how many there are in all."""

    letters: Sequence[Shown]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InFull:
    """What `show --json` prints; `fields` tells what an unreadable entry has, without saying it."""

    letter: Shown
    replay: str
    next: str
    fields: Mapping[str, str]


def show_list(screen: Screen, given: Given, limit: int) -> ExitCode:
    """Lists dead letters, oldest first. Raises Refused where a filter cannot be read."""
    with database(load()) as conn:
        now = figures.versions(conn).clock
        rows = dead.find(conn, chosen(given, now), limit)
    value = AllOfThem(letters=[_shown(row) for row in rows], total=rows[0].total if rows else 0)
    if not rows:
        screen.show(value, Text("There is no dead letter of that kind.", "dim"))
        return ExitCode.OK
    screen.show(value, "", _table(value, moments.local(now)), "")
    if value.total > len(rows):
        screen.note(f"And {count(value.total - len(rows), 'dead letter')} more.", "dim")
    return ExitCode.OK


def show_one(screen: Screen, id: str) -> ExitCode:
    """Shows one, and whether it can be replayed. Raises Refused and NotFound."""
    wanted = named(id)
    with database(load()) as conn:
        rows = dead.find(conn, wanted, 1)
        if not rows:
            raise NotFound(_not_dead(conn, wanted))
        now = figures.versions(conn).clock
        trial = verdict(conn, wanted)
        written = dead.entry(conn, wanted.msg_id) if wanted.msg_id is not None else None
    letter = _shown(rows[0])
    full = InFull(letter=letter, replay=trial.result, next=sentence(trial), fields=parts(written))
    screen.show(full, "", _card(full, moments.local(now)), "")
    return ExitCode.OK


def _not_dead(conn: Postgres, wanted: Filter) -> str:
    if wanted.id is None:
        return f"There is no entry {wanted.msg_id} in sms_dlq."
    message = messages.show(conn, wanted.id)
    if message is None:
        return f"There is no message {wanted.id}."
    return (
        f"Message {wanted.id} is no dead letter (any more): `messaging explain {wanted.id}` tells "
        "what happened to it."
    )


def _shown(row: DeadLetter) -> Shown:
    reason = row.reason or (explain(row.error_code) if row.error_code is not None else None)
    return Shown(
        kind=row.kind,
        id=row.id,
        entry=row.msg_id,
        since=row.since,
        lane=row.lane,
        user_id=row.user_id,
        to=mask(row.recipient_phone) if row.recipient_phone else None,
        attempt=row.attempt,
        error_code=row.error_code,
        reason=shown_reason(reason),
    )


def _table(value: AllOfThem, tell: Tell) -> Table:
    table = columns("message or entry", "kind", "since", "to", "lane", ">code", "why")
    for one in value.letters:
        table.add_row(
            Text(str(one.id or one.entry), "bold"),
            Text(one.kind, of_status(one.kind, None)),
            Text(tell(one.since)),
            Text(plain(one.to or "")),
            Text(one.lane or ""),
            Text(str(one.error_code or "")),
            Text(plain(one.reason)),
        )
    return table


def _card(full: InFull, tell: Tell) -> Table:
    letter = full.letter
    rows = [
        ("message" if letter.id else "entry", Text(str(letter.id or letter.entry), "bold")),
        ("kind", Text(letter.kind, of_status(letter.kind, None))),
        ("since", Text(tell(letter.since))),
        ("why", Text(plain(letter.reason))),
        ("code", Text(str(letter.error_code or ""))),
        ("to", Text(plain(letter.to or ""))),
        ("lane", Text(letter.lane or "")),
        ("user", Text(str(letter.user_id or ""))),
        ("attempts", Text(str(letter.attempt or ""))),
        *((plain(name), Text(what, "dim")) for name, what in full.fields.items()),
        ("replay", Text(full.next)),
    ]
    table = grid()
    for name, text in rows:
        if text.plain:
            table.add_row(name, text)
    return table
