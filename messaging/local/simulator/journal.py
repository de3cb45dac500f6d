"""The ledger's file: JSON lines, appended when a message is accepted and when it changes.

The first line of a SID is the message as it was accepted; later ones say what has changed.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import TypeAdapter

from messaging.errors import Misconfigured
from messaging.local.simulator.clock import parse_iso8601
from messaging.local.simulator.message import Message, entry, state

_MESSAGE = TypeAdapter(Message)
_TIMES = ("created_at", "updated_at", "sent_at", "send_at")


class Journal:
    """An append-only file of JSON lines, unbuffered: what was answered is in the file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)

    def read(self) -> Iterator[Message]:
        """The messages of earlier runs, in the order in which they were accepted.

        Raises Misconfigured, naming the line, if the file is no ledger.
        """
        self._drop_torn_line()
        entries: dict[str, dict[str, object]] = {}
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    _apply(json.loads(line), entries)
                except (ValueError, TypeError, KeyError) as error:
                    raise Misconfigured(
                        f"{self._path}, line {number} is no entry of a simulator's ledger. "
                        "Name another file, or remove this one."
                    ) from error
        yield from map(_message, entries.values())

    def accept(self, message: Message) -> None:
        """Append a message that was accepted; it is in the file when this returns."""
        self._append(entry(message))

    def note(self, message: Message) -> None:
        """Append what has changed about a message."""
        self._append(state(message))

    def clear(self) -> None:
        """Empty the file."""
        self._file.truncate(0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, line: Mapping[str, object]) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")

    def _drop_torn_line(self) -> None:
        """Cut off a line that was being written when the simulator was killed."""
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)


def _apply(line: Mapping[str, object], entries: dict[str, dict[str, object]]) -> None:
    """Add what a line says; raises ValueError if no message can be made of it."""
    sid = str(line["sid"])
    if sid in entries:
        entries[sid].update(line)
        return
    _message(line)
    entries[sid] = dict(line)


def _message(line: Mapping[str, object]) -> Message:
    values = dict(line)
    for name in _TIMES:
        time = values[name]
        values[name] = parse_iso8601(time) if isinstance(time, str) else None
    values["sender"] = values.pop("from")
    values["service"] = values.pop("messaging_service_sid")
    return _MESSAGE.validate_python(values)
