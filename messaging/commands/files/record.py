"""A record of a file: what one message is to be made of."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Values by their names, as the file has them; `problem` says why there are none.

    `number` counts records from 1; `line` is where it begins in the file.
    """

    number: int
    line: int
    values: Mapping[str, object]
    problem: str | None = None
