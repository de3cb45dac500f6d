"""One process of the service, that a test may kill, freeze and start again."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from messaging.local.guard import Guard
from messaging.local.process import Process, Program, wait_until

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True, kw_only=True)
class Child:
    """A process with a log. It ends with the tests, also when they are killed with -9."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    guard: Guard = field(repr=False)
    process: Process | None = None
    groups: list[int] = field(default_factory=list)
    """The process groups of all its lives."""

    def start(self) -> None:
        """Starts it, once more where it has ended; its log goes on."""
        program = Program(argv=self.argv, environment=self.environment, folder=ROOT)
        with self.log.open("ab") as output:
            self.process = Process(program, output=output, guard=self.guard)
        self.groups.append(self.process.pid)

    def kill(self) -> None:
        """Ends it with -9, and all that it started."""
        if self.process:
            self.process.kill()
        self.process = None

    def stop(self, within: float = 30.0) -> int | None:
        """Asks it to end and waits; its exit code, None where it had to be killed."""
        assert self.process is not None, f"{self.name} does not run"
        process, self.process = self.process, None
        process.ask()
        ended = wait_until(lambda: process.exit_code() is not None, limit=within)
        exit_code = process.exit_code() if ended else None
        process.kill()
        return exit_code

    def freeze(self) -> None:
        """Stops its clock, as a paused machine does, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets a frozen process go on."""
        self._signal(signal.SIGCONT)

    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self.process is not None and self.process.exit_code() is None

    def left_over(self) -> list[int]:
        """The process groups of its lives that still have somebody in them."""
        return [group for group in self.groups if _has_somebody(group)]

    def text(self) -> str:
        """All that it has printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None, f"{self.name} does not run"
        self.process.ask(number)


def _has_somebody(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
