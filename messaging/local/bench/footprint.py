"""Memory that processes have, with all that they started."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from messaging.local.bench.family import family

_KIB = 1024 / 1e6
"""Of a MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One process: its parent, what it has in memory, and what of that is shared with nobody.

    In MB. Where the system doesn't tell them apart, both are the same.
    """

    pid: int
    parent: int
    resident: float
    own: float


def uses() -> list[Use]:
    """Of every process, now."""
    return list(_linux() if sys.platform == "linux" else _elsewhere())


def resident(roots: Iterable[int], of: Iterable[Use]) -> float:
    """MB of these processes and everything below them, added up."""
    return sum(use.resident for use in _below(roots, of))


def own(roots: Iterable[int], of: Iterable[Use]) -> float:
    """The same without files that are mapped and memory that is shared.

    For a server of many processes: each of them has the same shared memory, and would count it.
    """
    return sum(use.own for use in _below(roots, of))


def _below(roots: Iterable[int], of: Iterable[Use]) -> list[Use]:
    everything = list(of)
    wanted = family(roots, {use.pid: use.parent for use in everything})
    return [use for use in everything if use.pid in wanted]


def _linux() -> Iterator[Use]:
    """proc_pid_status(5): of smaps_rollup, others' is not shown to everybody."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines = (folder / "status").read_text().splitlines()
        except OSError:  # it has just ended
            continue
        found = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
        if "VmRSS" in found:  # the kernel's own have none, nor has one that is a zombie
            yield Use(
                pid=int(folder.name),
                parent=int(found["PPid"][0]),
                resident=int(found["VmRSS"][0]) * _KIB,
                own=int(found["RssAnon"][0]) * _KIB,
            )


def _elsewhere() -> Iterator[Use]:
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True
    )
    for line in shown.stdout.splitlines():
        pid, parent, size = map(int, line.split())
        yield Use(pid=pid, parent=parent, resident=size * _KIB, own=size * _KIB)
