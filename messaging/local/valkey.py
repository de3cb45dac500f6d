"""Valkey as a child of this process, on one address, keeping nothing on disk."""

import os
import re
import signal
import socket
from pathlib import Path

from messaging.local import binaries
from messaging.local.guard import Guard
from messaging.local.place import Place
from messaging.local.ports import LOOPBACK
from messaging.local.process import Process, Program
from messaging.local.server import Server

_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir /
save ""
appendonly no
hz 2
tcp-backlog 128
loglevel warning
"""


class EmbeddedValkey(Server):
    """A Valkey server for one folder: the folder keeps its password and its port, nothing else.

    What it holds is gone when it stops: Redis may be lost at any moment, by design.
    """

    name = "Valkey"

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        *,
        guard: Guard | None = None,
        host: str = LOOPBACK,
    ) -> None:
        """Nothing starts yet."""
        super().__init__(folder, port=port, throwaway=True, guard=guard, host=host)

    @property
    def url(self) -> str:
        """redis://:password@host:port/0."""
        return f"redis://:{self.password}@{self._host}:{self.port}/0"

    def _prepare(self, place: Place) -> None:
        """Nothing: it keeps nothing."""

    def _program(self, place: Place, port: int) -> Program:
        programs = binaries.valkey().for_account("valkey-server", place)
        configuration = _CONFIGURATION.format(host=self._host, port=port, password=self.password)
        return Program(
            argv=(str(programs / "valkey-server"), "-"),
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            text=configuration.encode(),
            ask_with=signal.SIGTERM,
            account=place.account,
        )

    def _is_ready(self, process: Process, place: Place, port: int) -> bool:
        """Whether the server on that port takes our password and has our child's process id.

        Asked in the protocol's plain form, because importing the client takes 0.15 s.
        """
        try:
            with socket.create_connection((self._host, port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nINFO server\r\nQUIT\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return False
        said = re.search(rb"process_id:(\d+)", answer)
        return said is not None and int(said[1]) == process.pid
