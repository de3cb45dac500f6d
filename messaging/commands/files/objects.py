"""Records of a JSON Lines file: an object a line."""

import json
from collections.abc import Iterator
from pathlib import Path

from messaging.commands.files.lines import lines
from messaging.commands.files.record import Record


def records(path: Path) -> Iterator[Record]:
    """Each line as a record; one that is no object says so. Blank lines are left out.

    Raises Refused where the file as a whole cannot be read, with the line.
    """
    number = 0
    for line, text in enumerate(lines(path), start=1):
        if text.strip():
            number += 1
            yield _record(number, line, text)


def _record(number: int, line: int, text: str) -> Record:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        problem = f"The line is no JSON: {getattr(error, 'msg', 'it cannot be read')}."
        return Record(number=number, line=line, values={}, problem=problem)
    if not isinstance(value, dict):
        problem = 'The line is no JSON object: write {"to": "+14155552671", "body": "Hello"}.'
        return Record(number=number, line=line, values={}, problem=problem)
    return Record(number=number, line=line, values=value)
