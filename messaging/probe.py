"""`messaging probe ROLE`: whether the processes of this machine live, asked for next to nothing.

Each process says in a small file until when it counts as alive, and writes it again every few
seconds. A probe reads the files. It runs again and again for ever, so it imports nothing of ours
and little of Python: `dataclasses`, `pathlib` and `tempfile` alone would double what it costs.

The times are of the monotonic clock, which all processes of a machine share on Linux and macOS
and which no one can set.
"""

import os
import stat
import sys
import time

ROLES = ("web", "worker", "bridge", "beat")


def write(role: str, process: str, until: float) -> None:
    """Says that this process counts as alive until then. Raises OSError where it cannot."""
    os.makedirs(folder(), mode=0o700, exist_ok=True)
    if not _is_ours():
        raise OSError(f"{folder()} is not this user's own: remove it, or set TMPDIR")
    path = _path(role, os.getpid())
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(f"{until:.3f} {process}")
    os.replace(f"{path}.new", path)


def remove(role: str) -> None:
    """Takes back what this process said: it ends."""
    _unlink(_path(role, os.getpid()))


def clear(role: str) -> list[str]:
    """Removes what processes said that are gone, and returns what these were called."""
    gone = [(pid, process) for pid, _, process in _said(role) if not _is_there(pid)]
    for pid, _ in gone:
        _unlink(_path(role, pid))
    return [process for _, process in gone]


def probe(role: str) -> tuple[int, str]:
    """0 where all processes of this role live, else 1; and a sentence."""
    now = time.monotonic()
    running = [(pid, until, process) for pid, until, process in _said(role) if _is_there(pid)]
    if not running:
        return 1, f"No {role} runs here, or it has not begun yet."
    silent = [f"{process} (process {pid})" for pid, until, process in running if until < now]
    if silent:
        return 1, f"Without a sign of life: {', '.join(silent)}. Restart it."
    return 0, f"Alive: {', '.join(process for _, _, process in running)}."


def folder() -> str:
    """Where the files are, for this user alone: below TMPDIR, as for other temporary files."""
    return f"{os.environ.get('TMPDIR') or '/tmp'}/messaging-{os.getuid()}"  # noqa: S108


def _is_ours() -> bool:
    """Whether nobody else could have put anything there: all may write to /tmp."""
    found = os.lstat(folder())
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return is_own and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _path(role: str, pid: int) -> str:
    return f"{folder()}/{role}-{pid}"


def _said(role: str) -> list[tuple[int, float, str]]:
    """What the processes of a role said last: process id, until when, name."""
    try:
        names = sorted(os.listdir(folder())) if _is_ours() else []
    except OSError:
        return []
    found = []
    for name in names:
        kind, _, number = name.partition("-")
        try:
            if kind == role:
                with open(f"{folder()}/{name}", encoding="utf-8") as file:
                    until, _, process = file.read().partition(" ")
                found.append((int(number), float(until), process))
        except (OSError, ValueError):  # just being written, or just removed
            continue
    return found


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:  # it is gone
        return


def main(words: list[str]) -> int:
    """Probes the one role that is named; 2 where none is."""
    if len(words) != 1 or words[0] not in ROLES:
        print(f"Usage: messaging probe {'|'.join(ROLES)}", file=sys.stderr)  # noqa: T201
        return 2
    code, said = probe(words[0])
    print(said, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
