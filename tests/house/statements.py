"""The project's SQL, cut into what the tests judge: named queries, indexes, tables, columns."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.house.tree import ROOT, shown

_HEADING = re.compile(r"^-- name: *(.*)$", re.MULTILINE)
_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"", re.DOTALL)
_TABLE = re.compile(r"create table (?:if not exists )?([\w.]+) \((.*?)\n\)", re.DOTALL)
_ALTERED = re.compile(r"alter table ([\w.]+)([^;]*);")
_ADDED = re.compile(r"add column (?:if not exists )?(\w+)")
_NO_COLUMN = {"constraint", "primary", "unique", "check", "foreign", "exclude", "like"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """A file of SQL and its text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A named query: its name, the comment below the name in one line, and its statement."""

    path: str
    name: str
    promise: str
    statement: str


def query_files() -> list[Sql]:
    """The files of named queries."""
    return _read("messaging/postgres/sql")


def migrations() -> list[Sql]:
    """The migrations, oldest first."""
    return _read("migrations")


def _read(folder: str) -> list[Sql]:
    paths = sorted((ROOT / folder).glob("*.sql"))
    return [Sql(path=shown(path), text=path.read_text(encoding="utf-8")) for path in paths]


def queries(sql: Sql) -> list[Query]:
    """The named queries of a file."""
    pieces = _HEADING.split(sql.text)[1:]
    return [
        _query(sql.path, name, body) for name, body in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def _query(path: str, name: str, body: str) -> Query:
    lines = body.strip().splitlines()
    first = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return Query(
        path=path,
        name=name.strip(),
        promise=" ".join(line.lstrip("- ") for line in lines[:first]),
        statement="\n".join(lines[first:]).strip(),
    )


def bare(text: str) -> str:
    """SQL without comments, string literals and quoted names."""
    return _NOISE.sub("", text)


def columns(sql: Sql) -> Iterator[tuple[str, str]]:
    """Table and column of every column that a migration makes."""
    for table, body in _TABLE.findall(sql.text):
        for line in body.splitlines():
            word = line.split()[0] if line.startswith("  ") and line.split() else "--"
            if line[2:3].isalpha() and word not in _NO_COLUMN:
                yield table, word
    for table, changes in _ALTERED.findall(sql.text):
        yield from ((table, column) for column in _ADDED.findall(changes))


def tables(sql: Sql) -> list[str]:
    """Names of the tables that a migration makes."""
    return [table for table, _ in _TABLE.findall(sql.text)]
