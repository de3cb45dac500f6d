"""A watcher that ends a process's children when the process is gone, however it went.

Runs as a program of its own, in its own session, with the watched process holding the other
end of its standard input. No import but the standard library's: it starts in 20 ms.

Linux has PR_SET_PDEATHSIG for direct children; macOS has nothing like it, and neither reaches
grandchildren, such as the pool of a Celery worker whose parent was killed with -9. Here a whole
process group is ended: politely first, then for certain.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import IO


class Guard:
    """The watched process's side: says which children to end, should this process vanish."""

    def __init__(self, patience: float = 5.0) -> None:
        """Start the watcher. `patience` is the seconds between asking and killing."""
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(patience)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    @property
    def pid(self) -> int:
        """The watcher's process id."""
        return self._watcher.pid

    def add(self, pid: int, ask_with: signal.Signals) -> None:
        """Watch over the process group that `pid` leads; ask it to end with this signal."""
        self._tell(f"add {pid} {int(ask_with)}\n")

    def drop(self, pid: int) -> None:
        """Forget a child that has ended, so that its number may belong to somebody else."""
        self._tell(f"drop {pid}\n")

    def close(self) -> None:
        """End the watcher, and with it every child that it still watches."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._watcher.wait()

    @property
    def _pipe(self) -> IO[bytes]:
        pipe = self._watcher.stdin
        if pipe is None:
            raise RuntimeError("the watcher was started without a pipe")
        return pipe

    def _tell(self, line: str) -> None:
        # A watcher that somebody killed must not take the service down with it.
        with contextlib.suppress(OSError):
            self._pipe.write(line.encode())
            self._pipe.flush()


def main() -> None:
    """Read orders until the watched process is gone, then end all that is still watched."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    patience = float(sys.argv[1])
    _end(_watch(os.getppid()), time.monotonic() + patience)


def _end(watched: dict[int, int], limit: float) -> None:
    """Ask the leaders; kill what is left of a group whose leader has gone, or at the limit."""
    for pid, number in watched.items():
        _signal(os.kill, pid, number)
    left = set(watched)
    while left:
        is_late = time.monotonic() > limit
        for pid in tuple(left):
            if is_late or not _signal(os.kill, pid, 0):
                _signal(os.killpg, pid, signal.SIGKILL)
                left.discard(pid)
        time.sleep(0.05)


def _signal(send: Callable[[int, int], None], pid: int, number: int) -> bool:
    """Whether there was somebody to send it to."""
    try:
        send(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _watch(parent: int) -> dict[int, int]:
    """The children to end, once the pipe closes or the parent is another one."""
    watched: dict[int, int] = {}
    unread = b""
    # A process forked from the parent may hold the pipe open: hence also the look at getppid.
    while os.getppid() == parent:
        if not select.select([0], [], [], 1.0)[0]:
            continue
        read = os.read(0, 65536)
        if not read:
            break
        *lines, unread = (unread + read).split(b"\n")
        for line in lines:
            _obey(line.decode(), watched)
    return watched


def _obey(order: str, watched: dict[int, int]) -> None:
    verb, pid, *number = order.split()
    if verb == "add":
        watched[int(pid)] = int(number[0])
    if verb == "drop":
        watched.pop(int(pid), None)


if __name__ == "__main__":
    main()
