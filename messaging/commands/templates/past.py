"""`messaging template history`, `show` and `diff`: the versions of a template."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from rich.text import Text

from messaging.commands import moments
from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.tables import columns, grid
from messaging.domain.content import columns_of
from messaging.domain.wording import plain
from messaging.errors import NotFound
from messaging.postgres import figures, templates
from messaging.postgres.jobs import Postgres
from messaging.postgres.templates import Template, Version
from messaging.settings import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A version; `changed` are the columns in which it differs from the one before."""

    version: int
    saved_at: datetime
    saved_by: str
    changed: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What `template history --json` prints, newest first."""

    name: str
    versions: Sequence[Past]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What `template diff --json` prints: `lines` begin with a space, + or -."""

    name: str
    old: int
    new: int
    lines: Sequence[str]


def history(screen: Screen, name: str) -> ExitCode:
    """Lists the versions, newest first. Raises NotFound."""
    with database(load()) as conn:
        found = _versions(conn, name)
        now = figures.versions(conn).clock
    past = [
        Past(version=new.version, saved_at=new.saved_at, saved_by=new.saved_by, changed=changed)
        for new, changed in zip(found, _changes(found), strict=True)
    ]
    table = columns(">version", "saved", "by", "changed")
    for one in past:
        when = Text(moments.local(now)(one.saved_at), "dim")
        table.add_row(str(one.version), when, Text(plain(one.saved_by)), ", ".join(one.changed))
    screen.show(History(name=name, versions=past), "", table, "")
    return ExitCode.OK


def show(screen: Screen, name: str, version: int | None) -> ExitCode:
    """Shows a version, as JSON in the form that `put --file` takes. Raises NotFound."""
    with database(load()) as conn:
        found = version_of(conn, name, version)
        template = templates.named(conn, name)
    said = {**columns_of(found.content), **(_of_now(template) if template else {})}
    table = grid()
    table.add_row("version", str(found.version))
    for column, value in said.items():
        if value not in (None, {}, [], False) or (column, value) == ("opt_out_line", False):
            table.add_row(column, Text(plain(value if isinstance(value, str) else _written(value))))
    screen.show(said, "", table, "")
    return ExitCode.OK


def _of_now(template: Template) -> Mapping[str, object]:
    """What a template says that is of no version."""
    line = json.loads(template.opt_out_line) if template.opt_out_line else None
    return {"in_doubt_policy": template.in_doubt_policy, "opt_out_line": line}


def diff(screen: Screen, name: str, old: int | None, new: int | None) -> ExitCode:
    """Compares two versions: without numbers the newest with the one before. Raises NotFound."""
    with database(load()) as conn:
        later = version_of(conn, name, new)
        earlier = version_of(conn, name, old if old is not None else max(later.version - 1, 1))
    before, after = (_written(columns_of(one.content)).splitlines() for one in (earlier, later))
    lines = [line for line in difflib.ndiff(before, after) if not line.startswith("?")]
    difference = Difference(name=name, old=earlier.version, new=later.version, lines=lines)
    screen.show(difference, *(Text(plain(line), _STYLES.get(line[0], "dim")) for line in lines))
    return ExitCode.OK


def version_of(conn: Postgres, name: str, version: int | None) -> Version:
    """A version of a template, by default the newest. Raises NotFound."""
    found = _versions(conn, name)
    for one in found:
        if version in (None, one.version):
            return one
    raise NotFound(f"There is no version {version} of {name[:100]!r}: it has {len(found)}.")


def _versions(conn: Postgres, name: str) -> list[Version]:
    found = templates.versions(conn, name)
    if not found:
        raise NotFound(f"There is no template {name[:100]!r}.")
    return found


def _changes(newest_first: Sequence[Version]) -> list[list[str]]:
    said = [columns_of(version.content) for version in newest_first]
    pairs = pairwise(said)
    return [*([column for column in new if new[column] != old[column]] for new, old in pairs), []]


def _written(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


_STYLES = {"+": "green", "-": "red"}
