"""The report of a comparison with Twilio: a CSV file with a line for every finding."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from messaging.commands import moments
from messaging.commands.files.lines import shown
from messaging.domain.comparison import Finding
from messaging.domain.phone import mask
from messaging.errors import MessagingError, Refused

COLUMNS = ("found", "id", "status", "to", "sid", "delivery_status", "at", "why")


class Report:
    """A report that is to be written, or none."""

    def __init__(self, path: Path | None, file: TextIO | None) -> None:
        """Without a file, nothing is written."""
        self._path = path
        self._file = file

    def write(self, findings: Iterable[Finding]) -> None:
        """All of these, with masked numbers. Raises MessagingError where the file takes none."""
        if self._file is None or self._path is None:
            return
        try:
            rows = csv.writer(self._file)
            rows.writerow(COLUMNS)
            rows.writerows(map(_row, findings))
            self._file.flush()
        except OSError as error:
            raise MessagingError(
                f"The report {shown(self._path)} cannot be written: {error.strerror}."
            ) from error


@contextmanager
def opened(path: Path | None) -> Iterator[Report]:
    """A new report at `path`, in place of an old one; none where there is no path.

    Raises Refused where there can be no such file.
    """
    if path is None:
        yield Report(None, None)
        return
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise Refused(f"The report {shown(path)} cannot be written: {error.strerror}.") from error
    try:
        yield Report(path, file)
    finally:
        with suppress(OSError):  # a full disk has been told of by then
            file.close()


def _row(one: Finding) -> tuple[object, ...]:
    at = moments.iso(one.at) if one.at else ""
    to = mask(one.recipient) if one.recipient else ""
    return one.verdict, one.job_id, one.status, to, one.sid, one.delivery_status, at, one.reason
