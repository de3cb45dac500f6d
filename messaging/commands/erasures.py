"""`messaging erasures`: the journal of erasures, and the keys that opt-outs are kept with."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.operator import name_of
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.wording import count, plain
from messaging.errors import NotFound
from messaging.explanation.line import Tell
from messaging.postgres import erasure, figures
from messaging.postgres.erasure import Erasure, UsedKey
from messaging.settings import load


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOfThem:
    """What `list --json` prints."""

    erasures: Sequence[Erasure]
    keys: Sequence[UsedKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """What `give-up --json` prints."""

    key: str


def show_list(screen: Screen, limit: int) -> ExitCode:
    """Lists erasures, the latest first, and keys."""
    with database(load()) as conn:
        value = AllOfThem(erasures=erasure.latest(conn, limit), keys=erasure.keys(conn))
        now = figures.versions(conn).clock
    if not value.erasures:
        screen.show(value, Text("Nothing was erased.", "dim"))
        return ExitCode.OK
    tell = moments.local(now)
    screen.show(value, "", _table(value.erasures, tell), "", *_keys(value.keys, tell))
    return ExitCode.OK


def give_up(screen: Screen, key: str, by: str | None) -> ExitCode:
    """Has the opt-outs of a lost key asked no more. Raises NotFound."""
    id = key.strip().lower()
    with database(load()) as conn:
        known = erasure.give_key_up(conn, id, name_of(by))
    if not known:
        raise NotFound(
            f"There is no key {plain(id)[:20]!r} in use: `messaging erasures list` shows them."
        )
    screen.show(GivenUp(key=id))
    screen.good(f"The key {id} is given up: texts go out again, also to those whom it kept.")
    return ExitCode.OK


def _table(rows: Sequence[Erasure], tell: Tell) -> Table:
    table = columns(
        ">erasure", "began", "done", "by", ">withdrawn", ">messages", ">to us", ">ledger", ">others"
    )
    for row in rows:
        table.add_row(
            Text(str(row.id), "bold"),
            Text(tell(row.began_at)),
            Text(tell(row.finished_at)) if row.finished_at else Text("not done", "yellow"),
            Text(plain(row.asked_by or "")),
            *(
                Text(f"{amount:,}")
                for amount in (row.withdrawn, row.messages, row.inbound, row.ledger, row.others)
            ),
        )
    return table


def _keys(keys: Sequence[UsedKey], tell: Tell) -> list[Text]:
    return [Text(_key(key, tell)) for key in keys]


def _key(key: UsedKey, tell: Tell) -> str:
    since = f"Key {key.id} keeps the opt-outs of {count(key.numbers, 'number')}"
    if key.given_up_at is None:
        return f"{since}, since {tell(key.first_used_at)}."
    return f"{since}; given up by {plain(key.given_up_by or 'somebody')}, {tell(key.given_up_at)}."
