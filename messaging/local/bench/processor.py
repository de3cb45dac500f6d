"""Processor time that processes have used, with all that they started."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from messaging.local.bench.family import family


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
    wanted = family(roots, {use.pid: use.parent for use in everything})
    return sum(use.seconds for use in everything if use.pid in wanted)


def _linux() -> Iterator[_Use]:
    """Its own clock counts a process in nanoseconds; proc(5) counts its ended children, in ticks.

    They are fields 16 and 17 of stat; field 4 is the parent.
    """
    tick = os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            own = time.clock_gettime(_clock_of(pid))
        except OSError:  # it has just ended
            continue
        ended = (int(after_name[13]) + int(after_name[14])) / tick
        yield _Use(pid=pid, parent=int(after_name[1]), seconds=own + ended)


def _clock_of(pid: int) -> int:
    """What clock_getcpuclockid(3) gives: include/linux/posix-timers_types.h, CPUCLOCK_SCHED."""
    return ~pid << 3 | 2


def _elsewhere() -> Iterator[_Use]:
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,time="], capture_output=True, text=True, check=True
    )
    for line in shown.stdout.splitlines():
        pid, parent, spent = line.split()
        yield _Use(pid=int(pid), parent=int(parent), seconds=seconds_of(spent))


def seconds_of(spent: str) -> float:
    """A time as ps writes it: `0:01.25`, `1:02:03`, `2-03:04:05`."""
    days, _, rest = spent.rpartition("-")
    seconds = 0.0
    for part in rest.split(":"):
        seconds = seconds * 60 + float(part)
    return int(days or 0) * 86_400 + seconds
