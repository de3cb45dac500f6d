"""`messaging probe ROLE`: whether the processes of this machine live, asked for next to nothing.

Each process says in a small file until when it counts as alive, and writes it again every few
seconds. A probe reads the files; it imports nothing of ours, since it runs again and again.

The times are of the monotonic clock, which all processes of a machine share on Linux and macOS
and which no one can set.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROLES = ("web", "worker", "bridge", "beat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What a process says of itself: until when it counts as alive, on the monotonic clock."""

    role: str
    pid: int
    process: str
    until: float

    @property
    def path(self) -> Path:
        """Its file."""
        return folder() / f"{self.role}-{self.pid}"

    def write(self) -> None:
        """Says so. Raises OSError where it cannot."""
        folder().mkdir(mode=0o700, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(f"{self.until:.3f} {self.process}", encoding="utf-8")
        new.replace(self.path)

    def is_gone(self) -> bool:
        """Whether there is no such process any more."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def folder() -> Path:
    """Where the files are: TMPDIR tells another place."""
    return Path(tempfile.gettempdir()) / f"messaging-{os.getuid()}"


def pulses(role: str) -> Iterator[Pulse]:
    """What the processes of a role said last, those that are gone included."""
    for path in sorted(folder().glob(f"{role}-*")):
        number = path.name.removeprefix(f"{role}-")
        try:
            until, _, process = path.read_text(encoding="utf-8").partition(" ")
            found = Pulse(role=role, pid=int(number), process=process, until=float(until))
        except (OSError, ValueError):  # just being written, or just removed
            continue
        yield found


def clear(role: str) -> list[str]:
    """Removes the files of processes that are gone, and returns what these were called."""
    gone = [pulse for pulse in pulses(role) if pulse.is_gone()]
    for pulse in gone:
        pulse.path.unlink(missing_ok=True)
    return [pulse.process for pulse in gone]


def probe(role: str) -> tuple[int, str]:
    """0 where all processes of this role live, else 1; and a sentence."""
    now = time.monotonic()
    living = [pulse for pulse in pulses(role) if not pulse.is_gone()]
    if not living:
        return 1, f"No {role} runs here, or it has not begun yet."
    silent = [pulse for pulse in living if pulse.until < now]
    if silent:
        names = ", ".join(f"{pulse.process} (process {pulse.pid})" for pulse in silent)
        return 1, f"Without a sign of life: {names}. Restart it."
    return 0, f"Alive: {', '.join(pulse.process for pulse in living)}."


def main(words: Sequence[str]) -> int:
    """Probes the one role that is named; 2 where none is."""
    if len(words) != 1 or words[0] not in ROLES:
        print(f"Usage: messaging probe {'|'.join(ROLES)}", file=sys.stderr)  # noqa: T201
        return 2
    code, said = probe(words[0])
    print(said, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
