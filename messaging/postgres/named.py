"""Reads the named queries of `postgres/sql/*.sql`.

A query begins at `-- name: claim`; the comment lines below it say what it promises; the rest,
up to the next name, is the statement.
"""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString

_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(noun: str) -> dict[str, LiteralString]:
    """All queries of `sql/<noun>.sql` by their names."""
    text = files("messaging.postgres").joinpath("sql", f"{noun}.sql").read_text(encoding="utf-8")
    pieces = _HEADING.split(text)[1:]
    return {name: _statement(body) for name, body in zip(pieces[::2], pieces[1::2], strict=True)}


def query(noun: str, name: str) -> LiteralString:
    """The statement `name` of `sql/<noun>.sql`; KeyError where there is none."""
    return queries(noun)[name]


def _statement(body: str) -> LiteralString:
    lines = [line for line in body.strip().splitlines() if not line.startswith("--")]
    return "\n".join(lines).rstrip(";")
