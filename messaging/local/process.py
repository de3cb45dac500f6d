"""A child process in a session of its own that never outlives this one."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from messaging.local.account import Account
from messaging.local.guard import Guard

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run. `ask_with` is the signal that asks it to end; `account` None is our own.

    `text` is what it reads on its standard input: secrets go there, since everybody sees argv.
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    text: bytes = field(default=b"", repr=False)
    folder: Path = Path("/")
    ask_with: signal.Signals = signal.SIGTERM
    account: Account | None = None


class Process:
    """A running program: the leader of its own session and process group.

    It ends with this process, even with `kill -9`: on Linux the kernel sends it `ask_with`; a
    `guard` ends its whole group, grandchildren included. Without a guard one is started where
    the kernel's way doesn't work: on macOS, and on Linux when the starting thread isn't the
    main one (PR_SET_PDEATHSIG means the death of the parent *thread*, prctl(2)).
    """

    def __init__(
        self,
        program: Program,
        *,
        output: IO[bytes] | int,
        guard: Guard | None = None,
    ) -> None:
        """Start it. Raises OSError if it can't be started."""
        self._is_over = False
        self._ask_with = program.ask_with
        self._own_guard = None if guard or _kernel_tells() else Guard()
        self._guard = guard or self._own_guard
        self._popen = _spawn(program, output)
        if self._guard:
            self._guard.add(self.pid, program.ask_with)
        self._feed(program.text)

    @property
    def pid(self) -> int:
        """The process id, also of the process group."""
        return self._popen.pid

    @property
    def output(self) -> IO[bytes] | None:
        """What it prints, where `output` was subprocess.PIPE."""
        return self._popen.stdout

    def exit_code(self) -> int | None:
        """How it ended (minus the signal's number, if by one); None while it runs."""
        return self._popen.poll()

    def ask(self, number: signal.Signals | None = None) -> None:
        """Ask it to end, without waiting."""
        self._popen.send_signal(number or self._ask_with)

    def kill(self) -> None:
        """Kill it and all that is left of its process group; nothing the second time."""
        if self._is_over:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        self._forget()

    def stop(self, *, within: float) -> int | None:
        """Ask it to end, wait for `within` seconds, then kill what is left of its group.

        Returns its exit code; None where it had to be killed.
        """
        self.ask()
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._popen.wait(within)
        self.kill()
        return code

    def _forget(self) -> None:
        """From now on its number may belong to somebody else."""
        self._is_over = True
        if self._guard:
            self._guard.drop(self.pid)
        if self._own_guard:
            self._own_guard.close()

    def _feed(self, text: bytes) -> None:
        pipe = self._popen.stdin
        if pipe is None:
            return
        with contextlib.suppress(BrokenPipeError), pipe:
            pipe.write(text)


def wait_until(condition: Callable[[], bool], *, limit: float) -> bool:
    """Whether the condition came true within `limit` seconds, looking a hundred times a second."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def is_running(pid: int) -> bool:
    """Whether there is a process with this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _kernel_tells() -> bool:
    main = threading.current_thread() is threading.main_thread()
    return sys.platform == "linux" and main


def _spawn(program: Program, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    account = program.account
    with warnings.catch_warnings():
        # From 3.12, a preexec_fn warns where there are threads; this one calls a single bound
        # C function, takes no lock and imports nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        return subprocess.Popen(
            list(program.argv),
            env=dict(program.environment),
            cwd=program.folder,
            stdin=subprocess.PIPE if program.text else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with(os.getpid(), program.ask_with) if _kernel_tells() else None,
            **(account.as_arguments() if account else {}),
        )


def _end_with(parent: int, number: signal.Signals) -> Callable[[], None]:
    """To be run in the child: the kernel sends it `number` when its parent is gone."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it went in between
            os._exit(1)

    return ask_kernel
