"""A real `messaging up`, started as a process, for tests."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from messaging.local.ports import any_free
from messaging.local.process import wait_until

START = """
import sys
from pathlib import Path
from messaging.local.up import UpOptions, run

words = sys.argv[3:]
sys.exit(run(UpOptions(
    data=Path(sys.argv[1]),
    port=int(sys.argv[2]) or None,
    demo="demo" in words,
    exit_after_demo="demo" in words,
    no_flower="flower" not in words,
)))
"""
LIMIT = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A running `messaging up` and what it has printed."""

    process: subprocess.Popen[bytes]
    log: Path
    data: Path

    @property
    def text(self) -> str:
        """All that it has printed."""
        return self.log.read_text()

    def wait_for(self, pattern: str) -> str:
        """The first group of the pattern, once it is printed."""
        assert wait_until(lambda: bool(re.search(pattern, self.text)), limit=LIMIT), self.text
        found = re.search(pattern, self.text)
        assert found
        return found[1]

    def family(self) -> set[int]:
        """Its process and all below it."""
        rows = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, check=True)
        parents = {
            int(pid): int(parent) for pid, parent in map(bytes.split, rows.stdout.splitlines())
        }
        family = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return family

    def ask(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(LIMIT)


@contextmanager
def started(data: Path, *words: str, port: int | None = None) -> Iterator[Up]:
    """`messaging up` on this data folder, until the block ends; port 0 is the usual one."""
    log = data.parent / f"{data.name}.log"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    argv = [sys.executable, "-c", START, str(data), str(any_free() if port is None else port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*argv, *words], stdout=output, stderr=output, env=kept, start_new_session=True
        )
    try:
        yield Up(process=process, log=log, data=data)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(LIMIT)


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be collected has."""
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "stat="], capture_output=True, check=False)
    return not shown.stdout.strip() or shown.stdout.strip().startswith(b"Z")
