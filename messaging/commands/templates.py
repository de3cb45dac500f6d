"""`messaging template`: texts with variables, kept in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.files.lines import lines
from messaging.commands.pairs import pairs
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.fields import text as checked_text
from messaging.domain.job import InDoubtPolicy
from messaging.domain.templates import variables_of
from messaging.domain.wording import plain
from messaging.errors import Refused
from messaging.postgres import figures, templates
from messaging.settings import load

_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What `template put --json` prints: `result` is `created` or `replaced`."""

    name: str
    result: str
    variables: Sequence[str]
    in_doubt_policy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A template as `template list --json` prints it."""

    name: str
    text: str
    variables: Sequence[str]
    defaults: Mapping[str, object]
    in_doubt_policy: str | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOfThem:
    """What `template list --json` prints."""

    templates: Sequence[Listed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed: one of `text` and `file`, and pairs for variables."""

    name: str
    text: str | None
    file: Path | None
    defaults: Sequence[str]
    in_doubt_policy: str | None


def put(screen: Screen, wish: Wish) -> ExitCode:
    """Stores a template under a name. Raises Refused with what is wrong in it."""
    name, text, file, policy = wish.name, wish.text, wish.file, _policy(wish.in_doubt_policy)
    if (text is None) == (file is None):
        raise Refused("Give the text with --text or with --file: one of them.")
    source = "".join(lines(file)) if file else text or ""
    source = checked_text(source.removesuffix("\n") if file else source, "The text")
    values = pairs(wish.defaults, "--var")
    names = sorted(variables_of(source))
    _check(name, source, unknown=values.keys() - set(names))
    with database(load()) as conn:
        is_new = templates.put(conn, name=name, text=source, defaults=values, policy=policy)
    result = "created" if is_new else "replaced"
    screen.show(Stored(name=name, result=result, variables=names, in_doubt_policy=policy))
    wanted = f" It takes {', '.join(names)}." if names else ""
    screen.good(f"{name} is {result}.{wanted}")
    return ExitCode.OK


def show_all(screen: Screen) -> ExitCode:
    """Lists the templates by their names."""
    with database(load()) as conn:
        rows = templates.all_of_them(conn)
        now = figures.versions(conn).clock
    listed = [
        Listed(
            name=row.name,
            text=row.content_template,
            variables=sorted(_variables(row.content_template)),
            defaults=row.template_vars or {},
            in_doubt_policy=row.in_doubt_policy,
            updated_at=row.updated_at,
        )
        for row in rows
    ]
    table = columns("template", "text", "variables", "in doubt", "stored")
    for one in listed:
        table.add_row(
            Text(plain(one.name), "bold"),
            Text(plain(one.text)),
            Text(", ".join(one.variables)),
            Text(one.in_doubt_policy or ""),
            Text(moments.local(now)(one.updated_at) if one.updated_at else "", "dim"),
        )
    nothing = "There are none: `messaging template put NAME --text TEXT` makes one."
    screen.show(AllOfThem(templates=listed), *(["", table, ""] if listed else [nothing]))
    return ExitCode.OK


def _check(name: str, source: str, *, unknown: set[str]) -> None:
    if name != name.strip() or not 1 <= len(checked_text(name, "The name")) <= _LONGEST_NAME:
        raise Refused(f"A template's name has 1 to {_LONGEST_NAME} characters, no space around.")
    if not source.strip():
        raise Refused("The text of a template is empty: give one.")
    if unknown:
        raise Refused(f"The text does not use {', '.join(sorted(unknown))}: leave --var out.")


def _policy(written: str | None) -> InDoubtPolicy | None:
    try:
        return InDoubtPolicy(written) if written is not None else None
    except ValueError:
        raise Refused(f"--in-doubt-policy takes one of {', '.join(InDoubtPolicy)}.") from None


def _variables(source: str) -> frozenset[str]:
    """Those of a template that somebody stored with SQL may not be readable: then none."""
    try:
        return variables_of(source)
    except Refused:
        return frozenset()
