"""A report: a CSV file with a line for every row of an import, or every finding of a comparison."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from messaging.commands.files.lines import shown
from messaging.errors import MessagingError, Refused

_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a cell begins with that a spreadsheet calculates (OWASP, "CSV Injection")."""
_NUMBER = re.compile(r"\+[0-9*]+")


class Report:
    """A report that is being written, or none."""

    def __init__(self, path: Path | None, file: TextIO | None) -> None:
        """Without a file, nothing is written."""
        self._path = path
        self._file = file

    def write(self, rows: Iterable[Sequence[object]]) -> None:
        """Adds these rows. Raises MessagingError where they do not get into the file."""
        if self._file is None or self._path is None:
            return
        try:
            csv.writer(self._file).writerows(map(_inert, row) for row in rows)
            self._file.flush()
        except OSError as error:
            raise MessagingError(
                f"The report {shown(self._path)} cannot be written: {error.strerror}."
            ) from error


@contextmanager
def opened(
    path: Path | None, columns: Sequence[str], *, beside: Path | None = None
) -> Iterator[Report]:
    """A new report at `path`, in place of an old one; none where there is no path.

    Raises Refused where it cannot be written, or is the file that is read (`beside`).
    """
    if path is None:
        yield Report(None, None)
        return
    if beside and path.exists() and path.samefile(beside):
        raise Refused(f"The report {shown(path)} is the file itself: name another.")
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise Refused(f"The report {shown(path)} cannot be written: {error.strerror}.") from error
    report = Report(path, file)
    try:
        report.write([columns])
        yield report
    finally:
        with suppress(OSError):  # a full disk has been told of by then
            file.close()


def _inert(cell: object) -> object:
    """The cell as it is written: an apostrophe before what a spreadsheet would calculate.

    A phone number, masked or not, stays as it is. There is nothing in it to be carried out, and
    who reads the file with a program finds it as it was.
    """
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
