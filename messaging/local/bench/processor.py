"""Processor time that processes have used, with all that they started."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """One process: its parent, and the seconds that it and its ended children have used."""

    pid: int
    parent: int
    seconds: float


def used(roots: Iterable[int]) -> float:
    """Seconds of user and system time of these processes and of everything below them.

    On Linux a child that has ended counts on with its parent; elsewhere it is lost.
    """
    everything = list(_linux() if sys.platform == "linux" else _elsewhere())
    seconds = {use.pid: use.seconds for use in everything}
    below: defaultdict[int, list[int]] = defaultdict(list)
    for use in everything:
        below[use.parent].append(use.pid)
    wanted = list(roots)
    for pid in wanted:
        wanted += below[pid]
    return sum(seconds.get(pid, 0.0) for pid in set(wanted))


def _linux() -> Iterator[_Use]:
    """From proc(5): fields 4, and 14 to 17 of stat, in clock ticks."""
    tick = os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        ticks = sum(map(int, after_name[11:15]))
        yield _Use(pid=int(folder.name), parent=int(after_name[1]), seconds=ticks / tick)


def _elsewhere() -> Iterator[_Use]:
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,time="], capture_output=True, text=True, check=True
    )
    for line in shown.stdout.splitlines():
        pid, parent, time = line.split()
        yield _Use(pid=int(pid), parent=int(parent), seconds=seconds_of(time))


def seconds_of(time: str) -> float:
    """A time as ps writes it: `0:01.25`, `1:02:03`, `2-03:04:05`."""
    days, _, rest = time.rpartition("-")
    seconds = 0.0
    for part in rest.split(":"):
        seconds = seconds * 60 + float(part)
    return int(days or 0) * 86_400 + seconds
