"""The processes of a run: whoever ends, for whatever reason, is started again at once."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from messaging.local.chaos.plan import Victim
from messaging.local.guard import Guard
from messaging.local.process import Process, Program

_LOOK = 0.02
"""Seconds between two looks at everybody."""
_LAST_WORDS = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A process that is to be there. `port` is where it listens, if it does."""

    name: str
    victim: Victim
    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    port: int | None = None


@dataclass(slots=True, kw_only=True)
class Member:
    """Who fills a post now."""

    post: Post
    process: Process
    is_paused: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it lives and has not been stopped with SIGSTOP."""
        return not self.is_paused and self.process.exit_code() is None

    def kill(self) -> int:
        """kill -9 for the process alone, not for what it started; returns its number."""
        pid = self.process.pid
        os.kill(pid, signal.SIGKILL)
        return pid

    def pause(self) -> None:
        """SIGSTOP for it and its children."""
        self.is_paused = True
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGCONT)
        self.is_paused = False


class Crew:
    """Use it with `with`: a thread of its own looks after everybody until the block ends."""

    def __init__(self, folder: Path, guard: Guard) -> None:
        """Nobody is there yet. Logs are below the folder."""
        self._folder = folder
        self._guard = guard
        self._members: list[Member] = []
        self._ghosts: list[Process] = []
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="crew", daemon=True)
        self.starts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._keeper.join()
        for process in [*self._ghosts, *(member.process for member in self._members)]:
            process.kill()

    def fill(self, post: Post) -> None:
        """Start somebody for a post."""
        self._members.append(Member(post=post, process=self._start(post)))

    def running(self, *victims: Victim) -> list[Member]:
        """Who of these kinds runs now."""
        return [one for one in self._members if one.post.victim in victims and one.is_running]

    def last_words(self) -> str:
        """What everybody printed last."""
        logs = [(one.post.name, self._log(one.post)) for one in self._members]
        return "\n".join(f"{name}: {_end_of(log)}" for name, log in logs)

    def _log(self, post: Post) -> Path:
        return self._folder / f"{post.name}.log"

    def _start(self, post: Post) -> Process:
        self.starts[post.name] += 1
        program = Program(argv=post.argv, environment=post.environment, folder=self._folder)
        with self._log(post).open("ab") as output:
            return Process(program, output=output, guard=self._guard)

    def _keep(self) -> None:
        while not self._closing.wait(_LOOK):
            for member in self._members:
                if member.process.exit_code() is not None:
                    self._ghosts.append(member.process)
                    member.is_paused = False
                    member.process = self._start(member.post)
            self._lay_ghosts()

    def _lay_ghosts(self) -> None:
        """Forget who has ended, once those that it started have ended too."""
        for process in tuple(self._ghosts):
            try:
                os.killpg(process.pid, 0)
            except (ProcessLookupError, PermissionError):
                process.kill()
                self._ghosts.remove(process)


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-_LAST_WORDS:].strip()
