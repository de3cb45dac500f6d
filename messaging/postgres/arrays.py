"""Arrays: a column of many rows as one literal, which Postgres reads in one go."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from psycopg import DataError


def texts(values: Sequence[str]) -> str:
    """The literal of an array of texts. Raises psycopg.DataError where one has a NUL."""
    if not values:
        return "{}"
    together = "\0".join(values)  # NUL, because no text in Postgres has one
    if together.count("\0") >= len(values):
        raise DataError("A text for Postgres holds a NUL character.")
    escaped = together.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'{{"{escaped}"}}'


def optional(values: Sequence[str | None]) -> str | None:
    """The same of texts that may be null; None, for a null array, where all of them are."""
    given = [value for value in values if value is not None]
    if not given:
        return None
    if len(given) == len(values):
        return texts(given)
    return "{" + ",".join("NULL" if value is None else _quoted(value) for value in values) + "}"


def numbers(values: Iterable[int]) -> str:
    """The literal of an array of whole numbers."""
    return "{" + ",".join(map(int.__repr__, values)) + "}"


def optional_numbers(values: Sequence[float | None]) -> str | None:
    """The same of numbers that may be null; None, for a null array, where all of them are."""
    if values.count(None) == len(values):
        return None
    return "{" + ",".join(["NULL" if value is None else repr(value) for value in values]) + "}"


def ids(values: Iterable[UUID]) -> str:
    """The literal of an array of ids, in a sixth of the time that a list of them takes."""
    return "{" + ",".join([value.hex for value in values]) + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
