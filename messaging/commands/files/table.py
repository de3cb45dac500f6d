"""Records of a CSV file: comma, semicolon, tab or bar, with the names in its first line."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from messaging.commands.files.fields import field_of
from messaging.commands.files.lines import lines, shown
from messaging.commands.files.record import Record
from messaging.domain.wording import plain
from messaging.errors import Refused

_DELIMITERS = ",;\t|"
_LIKE_A_NUMBER = re.compile(r"\+?[\d\s()./-]{7,}")


def records(path: Path) -> Iterator[Record]:
    """Each row as a record. Blank rows are left out, and not counted.

    Raises Refused where the file as a whole cannot be read, with the line.
    """
    header, names, delimiter = _header(path)
    number = 0
    for line, cells in _rows(path, delimiter):
        if line <= header or not any(cell.strip() for cell in cells):
            continue
        number += 1
        yield _record(number, line, names, cells)


def columns(path: Path) -> list[str]:
    """The names that the first line gives to the columns; empty for one that has none.

    Raises Refused where it names none that a message needs, or the same thing twice.
    """
    return _header(path)[1]


def _header(path: Path) -> tuple[int, list[str], str]:
    """The last line of the header, the columns' names, and the sign between them."""
    first = next((text for text in lines(path) if text.strip()), None)
    if first is None:
        raise Refused(f"{shown(path)} is empty: its first line has to name the columns.")
    delimiter = max(_DELIMITERS, key=lambda sign: (_known(first, sign), first.count(sign)))
    rows = ((line, cells) for line, cells in _rows(path, delimiter) if any(map(str.strip, cells)))
    for line, cells in islice(rows, 1):
        names = [cell.strip() for cell in cells]
        _check(path, names)
        return line, names, delimiter
    raise Refused(f"{shown(path)} is empty: its first line has to name the columns.")


def _known(first: str, delimiter: str) -> int:
    return sum(field_of(name.strip().strip('"')) is not None for name in first.split(delimiter))


def _check(path: Path, names: Sequence[str]) -> None:
    fields = [field_of(name) for name in names]
    if "to" not in fields:
        listed = ", ".join(plain(name)[:40] or "one without a name" for name in names[:20])
        if any(_LIKE_A_NUMBER.fullmatch(name) for name in names):
            raise Refused(
                f"{shown(path)} begins with a row: its first line has to name the columns, such "
                "as to,body."
            )
        raise Refused(
            f"{shown(path)} has no column for the number: name one to, phone or recipient_phone. "
            f"Its columns are: {listed}."
        )
    meant = Counter(field or name for field, name in zip(fields, names, strict=True) if name)
    for meaning, times in meant.items():
        if times > 1:
            raise Refused(f"{shown(path)} has {times} columns for {plain(meaning)}: keep one.")


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row's first line and its cells. Rows in quotes may go over several lines."""
    reader = csv.reader(lines(path), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Refused(f"{_where(path, line, reader.line_num)} {_why(error)}") from None
        yield line, cells


def _where(path: Path, first: int, last: int) -> str:
    return f"The row in line {first} of {shown(path)}" + (
        f", read up to line {last}," if last > first else ""
    )


def _why(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end" in said or "field larger" in said:
        return "has a quote that opens and never closes: close it, or double it to mean a quote."
    if "expected after" in said:
        return "has a quote inside a quoted value: double it to mean a quote."
    if "new-line" in said:
        return "has line ends of old Macs: save the file again with those of Unix or Windows."
    return f"cannot be read as CSV: {said}."


def _record(number: int, line: int, names: Sequence[str], cells: Sequence[str]) -> Record:
    if len(cells) != len(names):
        problem = f"The row has {len(cells)} values, but {len(names)} columns are named."
        return Record(number=number, line=line, values={}, problem=problem)
    if any(cell.strip() for name, cell in zip(names, cells, strict=True) if not name):
        problem = "The row has a value in a column that has no name."
        return Record(number=number, line=line, values={}, problem=problem)
    values = {name: cell for name, cell in zip(names, cells, strict=True) if name}
    return Record(number=number, line=line, values=values)
