"""The lines of a text file, as UTF-8, with sentences for files that are something else."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from messaging.domain.wording import plain
from messaging.errors import Refused

LONGEST = 1_000_000
"""Bytes of a line; a longer one is no row of messages."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def lines(path: Path) -> Iterator[str]:
    """Each line with its end, without the mark (BOM) that some programs put at the beginning.

    Raises Refused where the file cannot be read or is not UTF-8, with the line.
    """
    if path.exists() and not path.is_file():
        raise Refused(f"{shown(path)} is no file: give one that can be read twice.")
    try:
        with path.open("rb") as file:
            numbered = enumerate(iter(lambda: file.readline(LONGEST + 1), b""), start=1)
            for number, line in numbered:
                yield _decoded(path, number, line)
    except OSError as error:
        raise Refused(f"{shown(path)} cannot be read: {error.strerror}.") from error


def shown(path: Path) -> str:
    """The path as sentences show it."""
    return plain(str(path))


def _decoded(path: Path, number: int, line: bytes) -> str:
    if len(line) > LONGEST:
        raise Refused(
            f"Line {number} of {shown(path)} has more than {LONGEST:,} bytes: it is no row."
        )
    if number == 1:
        if line.startswith(_UTF_16):
            raise Refused(f"{shown(path)} is UTF-16: save it as UTF-8 (in Excel: CSV UTF-8).")
        line = line.removeprefix(codecs.BOM_UTF8)
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Refused(
            f"Line {number} of {shown(path)} is not UTF-8: byte 0x{line[error.start]:02X} at "
            f"position {error.start + 1}. Save the file as UTF-8 (in Excel: CSV UTF-8)."
        ) from None
