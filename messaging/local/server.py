"""What the embedded servers have in common: a folder, a port, a lock, a child process."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from messaging.errors import Misconfigured, Unreachable
from messaging.local import secret
from messaging.local.account import unprivileged
from messaging.local.guard import Guard
from messaging.local.place import Lock, Place, make_folder
from messaging.local.ports import LOOPBACK, any_free, is_free
from messaging.local.process import Process, Program, wait_until

_START_LIMIT = 30.0
_STOP_LIMIT = 10.0
_TRIES = 5
"""How often it is started: somebody may take a free port before the server does."""


class Server(ABC):
    """A server for one folder, a child of this process that ends with it.

    Start it from the main thread where that is possible: see `process.Process`.
    """

    name: str

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        throwaway: bool,
        guard: Guard | None,
        host: str = LOOPBACK,
    ) -> None:
        """Nothing starts yet. Port 0 is that of the last start if it's free, else any.

        `host` is the address to listen on, and no other.
        """
        self.folder = folder.absolute()
        self._host = host
        self._wanted = port
        self._throwaway = throwaway
        self._guard = guard
        self._lock: Lock | None = None
        self._process: Process | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where to connect, with the password."""

    @property
    def port(self) -> int:
        """Where it listens, or did last. Raises Unreachable where it was never started."""
        if last := self._last_port():
            return last
        raise Unreachable(f"The {self.name} of {self.folder} was never started.")

    @property
    def pid(self) -> int:
        """The server's process id. Raises Unreachable unless it runs."""
        if self._process is None:
            raise Unreachable(f"The {self.name} of {self.folder} does not run.")
        return self._process.pid

    @property
    def password(self) -> str:
        """Made once, kept in the folder."""
        return secret.kept(self.folder / "password")

    def start(self) -> Self:
        """Start it and return when it answers.

        Raises Misconfigured where the folder or the wanted port is in use, Unreachable where
        the server doesn't start; both say why.
        """
        try:
            self._start()
        except PermissionError as error:
            self.stop()
            raise Misconfigured(
                f"{error.filename} belongs to another user: start as that user, or with "
                "another data folder."
            ) from error
        except BaseException:
            self.stop()
            raise
        return self

    def launch(self) -> Process:
        """Start it, again where it died, and give the process: for a supervisor."""
        self.stop()
        self.start()
        if self._process is None:
            raise Unreachable(f"The {self.name} of {self.folder} does not run.")
        return self._process

    def stop(self) -> None:
        """Stop it; nothing happens where it doesn't run."""
        if self._process:
            self._process.stop(within=_STOP_LIMIT)
        self._process = None
        if self._lock:
            self._lock.release()
        self._lock = None

    def exit_code(self) -> int | None:
        """How it ended, where it ended by itself; None while it runs or was stopped."""
        return self._process.exit_code() if self._process else None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def _prepare(self, place: Place) -> None:
        """Make what a start needs in `place`."""

    @abstractmethod
    def _program(self, place: Place, port: int) -> Program:
        """The server, to listen on `port`."""

    @abstractmethod
    def _is_ready(self, process: Process, place: Place, port: int) -> bool:
        """Whether this process, not a stranger on the same port, answers."""

    def _start(self) -> None:
        make_folder(self.folder)
        taken = f"The {self.name} of {self.folder} already runs"
        self._lock = Lock(self.folder / "lock", otherwise=taken)
        if self._wanted and not is_free(self._wanted, self._host):
            raise Misconfigured(f"Port {self._wanted}, wanted for {self.name}, is taken.")
        account = unprivileged(self.folder / "cluster")
        place = Place(self.folder, account, throwaway=self._throwaway)
        self._prepare(place)
        self._listen(place)

    def _listen(self, place: Place) -> None:
        for _ in range(_TRIES):
            port = self._choose_port()
            self._process = self._run(self._program(place, port))
            if self._comes_up(self._process, place, port):
                secret.write_private(self.folder / "port", f"{port}\n")
                return
            self._process.kill()
            if is_free(port, self._host) and not self._failed_for_remains():  # nor was it the port
                break
        raise Unreachable(f"{self.name} did not start in {self.folder}:\n{self._last_words()}")

    def _run(self, program: Program) -> Process:
        # It quotes failing statements, so it's for us alone.
        with open(self._log, "ab", opener=_private) as output:
            return Process(program, output=output, guard=self._guard)

    def _comes_up(self, process: Process, place: Place, port: int) -> bool:
        def is_decided() -> bool:
            return process.exit_code() is not None or self._is_ready(process, place, port)

        return wait_until(is_decided, limit=_START_LIMIT) and process.exit_code() is None

    def _failed_for_remains(self) -> bool:
        """Whether what is left of a server that was killed was in the way; it goes by itself."""
        return False

    def _choose_port(self) -> int:
        last = self._last_port()
        if self._wanted:
            return self._wanted
        return last if last and is_free(last, self._host) else any_free(self._host)

    def _last_port(self) -> int | None:
        file = self.folder / "port"
        return int(file.read_text()) if file.exists() else None

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-1500:]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
