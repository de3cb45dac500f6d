"""`messaging template lint`: what is wrong with a template, or costly. Nothing is stored."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.templates import findings
from messaging.commands.templates.source import Wish, read
from messaging.domain.linting import Found, Lint, Size, lint, lint_stored
from messaging.domain.opt_out_line import LineIn, OptOutLines
from messaging.domain.wording import count
from messaging.errors import Misconfigured, NotFound, Refused
from messaging.postgres import templates
from messaging.postgres.jobs import Postgres
from messaging.settings import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """A template, and what was found. `name` is empty for one that is not stored."""

    name: str
    findings: Sequence[Found]
    sizes: Sequence[Size]


@dataclass(frozen=True, slots=True, kw_only=True)
class AllLinted:
    """What `template lint --json` prints; `ok` is false where one has an error."""

    ok: bool
    templates: Sequence[Linted]


def show(screen: Screen, name: str | None, wish: Wish) -> ExitCode:
    """Looks at a text or a file, at a stored template, or at all of them.

    REFUSED where one has an error. Raises NotFound and Refused.
    """
    looked = _looked(name, wish)
    for title, one in looked.items():
        findings.show(screen, one, title)
    errors = sum(bool(one.errors) for one in looked.values())
    linted = [
        Linted(name=title, findings=one.findings, sizes=one.sizes) for title, one in looked.items()
    ]
    screen.show(AllLinted(ok=not errors, templates=linted))
    if not errors:
        screen.good(f"{count(len(looked), 'template')} without an error.")
    return ExitCode.REFUSED if errors else ExitCode.OK


def _looked(name: str | None, wish: Wish) -> Mapping[str, Lint]:
    if wish.text is not None or wish.file is not None:
        if name is not None:
            raise Refused("Give a name, or the text with --text or --file: one of them.")
        source = read(wish)
        return {"": lint(source.columns, _lines().added_to(source.columns, source.opt_out_line))}
    with database(load()) as conn:
        return {row.name: lint_stored(row.content, _line_of(row)) for row in _stored(conn, name)}


def _lines() -> OptOutLines:
    """Those of the settings; none where a text is looked at before there are any."""
    try:
        return load().lines
    except Misconfigured:
        return OptOutLines(line="")


def _line_of(row: templates.Template) -> LineIn:
    own = json.loads(row.opt_out_line) if row.opt_out_line else None
    return _lines().added_to({"category": row.category}, own)


def _stored(conn: Postgres, name: str | None) -> list[templates.Template]:
    if name is None:
        return templates.all_of_them(conn)
    row = templates.named(conn, name)
    if row is None:
        raise NotFound(f"There is no template {name[:100]!r}.")
    return [row]
