"""`messaging inbound`: texts to us that a person must read, because they sound like a refusal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.operator import name_of
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.job import Sid
from messaging.domain.phone import mask
from messaging.domain.wording import count, hide_numbers, plain
from messaging.errors import NotFound
from messaging.postgres import consent, figures
from messaging.settings import load

_MOST = 100
_NEXT = (
    "If it is a refusal: `messaging consent opt-out NUMBER --evidence 'text SID'`. Then, either "
    "way: `messaging inbound seen SID`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A text to us as `--json` prints it."""

    sid: Sid
    at: datetime
    sender: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What `list --json` prints: those that wait longest, and how many there are in all."""

    texts: Sequence[Letter]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What `seen --json` prints."""

    sid: Sid


def show_list(screen: Screen, *, full: bool) -> ExitCode:
    """Lists the texts that wait for a person; `full` shows whole numbers."""
    with database(load()) as conn:
        rows = consent.unseen(conn, _MOST)
        now = figures.versions(conn).clock
    texts = [
        Letter(
            sid=row.sid,
            at=row.at,
            sender=row.sender if full else mask(row.sender),
            body=row.body if full else hide_numbers(row.body),
        )
        for row in rows
    ]
    value = Waiting(texts=texts, total=rows[0].total if rows else 0)
    if not rows:
        screen.show(value, Text("No text waits for a person.", "dim"))
        return ExitCode.OK
    table = columns("text", "since", "from", "says")
    tell = moments.local(now)
    for one in texts:
        table.add_row(
            Text(one.sid, "bold"), Text(tell(one.at)), Text(one.sender), Text(plain(one.body))
        )
    screen.show(value, "", table, "", Text(_NEXT), "")
    if value.total > len(texts):
        screen.note(f"And {count(value.total - len(texts), 'text')} more.", "dim")
    return ExitCode.OK


def see(screen: Screen, sid: str, by: str | None) -> ExitCode:
    """Notes who has seen to a text. Raises NotFound."""
    wanted = Sid(sid.strip())
    with database(load()) as conn:
        if not consent.see(conn, wanted, name_of(by)):
            raise NotFound(f"No text {plain(wanted)[:40]} waits for a person.")
    screen.show(Seen(sid=wanted))
    screen.good("It is seen to.")
    return ExitCode.OK
