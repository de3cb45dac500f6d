"""`messaging template list`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.content import content_of
from messaging.domain.wording import plain
from messaging.errors import Refused
from messaging.postgres import figures, templates
from messaging.postgres.templates import Template
from messaging.settings import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A template as `template list --json` prints it."""

    name: str
    version: int
    text: str
    languages: Sequence[str]
    category: str
    variables: Sequence[str]
    defaults: Mapping[str, object]
    in_doubt_policy: str | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOfThem:
    """What `template list --json` prints."""

    templates: Sequence[Listed]


def show_all(screen: Screen) -> ExitCode:
    """Lists the templates by their names."""
    with database(load()) as conn:
        rows = templates.all_of_them(conn)
        now = figures.versions(conn).clock
    listed = [_listed(row) for row in rows]
    table = columns("template", ">version", "text", "languages", "variables", "in doubt", "stored")
    for one in listed:
        table.add_row(
            Text(plain(one.name), "bold"),
            str(one.version),
            Text(plain(one.text)),
            Text(", ".join(one.languages)),
            Text(", ".join(one.variables)),
            Text(one.in_doubt_policy or ""),
            Text(moments.local(now)(one.updated_at) if one.updated_at else "", "dim"),
        )
    nothing = "There are none: `messaging template put NAME --text TEXT` makes one."
    screen.show(AllOfThem(templates=listed), *(["", table, ""] if listed else [nothing]))
    return ExitCode.OK


def _listed(row: Template) -> Listed:
    """As its row says it: what somebody stored with SQL may not be readable as a whole."""
    variables, defaults = _variables(row.content)
    return Listed(
        name=row.name,
        version=row.version,
        text=row.content_template,
        languages=sorted(row.languages),
        category=row.category,
        variables=variables,
        defaults=defaults,
        in_doubt_policy=row.in_doubt_policy,
        updated_at=row.updated_at,
    )


def _variables(written: str) -> tuple[Sequence[str], Mapping[str, object]]:
    try:
        content = content_of(written)
        return sorted(content.names()), content.template_vars
    except Refused:
        return [], {}
