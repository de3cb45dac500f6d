"""The roll of every process that a run ever had, so that none of them is left at its end."""

import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass


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
            if entry.pid in known and entry.command != "ps":
                self._seen[entry.pid, entry.started] = entry
        return below

    def left(self) -> list[str]:
        """Those that were ever seen and are still there: number and command."""
        there = {(entry.pid, entry.started) for entry in _everybody()}
        return [f"{one.pid} {one.command}" for key, one in self._seen.items() if key in there]

    def __len__(self) -> int:
        return len(self._seen)


def _everybody() -> list[Entry]:
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart=,comm="],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
    )
    entries = (_entry(*line.split(maxsplit=8)) for line in shown.stdout.splitlines())
    return [entry for entry in entries if entry is not None]


def _entry(pid: str, parent: str, state: str, *rest: str) -> Entry | None:
    """None for a zombie: it has ended, and waits for a parent that may be busy to take note."""
    if state.startswith("Z"):
        return None
    *started, command = rest
    return Entry(
        pid=int(pid), parent=int(parent), started=" ".join(started), command=command.strip()
    )
