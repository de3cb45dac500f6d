"""The ledger's file: one JSON line each time a message is accepted or changes.

The last line of a SID is how that message stands.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import TypeAdapter

from messaging.errors import Misconfigured
from messaging.local.simulator.clock import parse_iso8601
from messaging.local.simulator.message import Message, entry

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
        last: dict[str, Message] = {}
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                message = self._read(number, line)
                last[message.sid] = message
        yield from last.values()

    def write(self, message: Message) -> None:
        """Append how a message stands."""
        self._file.write(json.dumps(entry(message)).encode() + b"\n")

    def clear(self) -> None:
        """Empty the file."""
        self._file.truncate(0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, number: int, line: bytes) -> Message:
        try:
            return _message(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            raise Misconfigured(
                f"{self._path}, line {number} is no entry of a simulator's ledger: {error!r}. "
                "Name another file, or remove this one."
            ) from error

    def _drop_torn_line(self) -> None:
        """Cut off a line that was being written when the simulator was killed."""
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)


def _message(line: Mapping[str, object]) -> Message:
    values = dict(line)
    for name in _TIMES:
        time = values[name]
        values[name] = parse_iso8601(time) if isinstance(time, str) else None
    values["sender"] = values.pop("from")
    values["service"] = values.pop("messaging_service_sid")
    return _MESSAGE.validate_python(values)
