"""The roll of every process that a run ever had, so that none of them is left at its end."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One process. Its number and its start together are never given to another one."""

    pid: int
    parent: int
    started: str
    command: str


class Roll:
    """Calls the roll: everything below this process, now or at an earlier call."""

    def __init__(self) -> None:
        """Nobody has been seen yet."""
        self._seen: dict[tuple[int, str], Entry] = {}

    def call(self) -> dict[int, list[int]]:
        """Note who is there; returns the children of each process."""
        everybody = _everybody()
        below: defaultdict[int, list[int]] = defaultdict(list)
        for entry in everybody:
            below[entry.parent].append(entry.pid)
        ours = list(below[os.getpid()])
        for pid in ours:
            ours += below[pid]
        known = set(ours)
        for entry in everybody:
            if entry.pid in known:
                self._seen[entry.pid, entry.started] = entry
        return below

    def left(self) -> list[str]:
        """Those that were ever seen and are still there: number and command."""
        there = {(entry.pid, entry.started) for entry in _everybody()}
        return [f"{one.pid} {one.command}" for key, one in self._seen.items() if key in there]

    def __len__(self) -> int:
        return len(self._seen)


def _everybody() -> list[Entry]:
    """All but zombies, which have ended and wait for a parent that may be busy to take note."""
    return list(_linux() if sys.platform == "linux" else _elsewhere())


def _linux() -> Iterator[Entry]:
    """From proc(5): the name stands in brackets, then come state, parent and, 22nd, the start."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            before, _, after = (folder / "stat").read_text(errors="replace").rpartition(")")
        except OSError:  # it has just ended
            continue
        state, parent, *rest = after.split()
        if state != "Z":
            yield Entry(
                pid=int(folder.name),
                parent=int(parent),
                started=rest[17],
                command=before.partition("(")[2],
            )


def _elsewhere() -> Iterator[Entry]:
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart=,comm="],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    for line in shown.stdout.splitlines():
        pid, parent, state, *started, command = line.split(maxsplit=8)
        if not state.startswith("Z") and command != "ps":
            yield Entry(
                pid=int(pid), parent=int(parent), started=" ".join(started), command=command.strip()
            )
