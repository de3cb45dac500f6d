"""Valkey as a child of this process, on loopback, keeping nothing on disk."""

import os
import re
import signal
import socket
from pathlib import Path

from messaging.local import binaries
from messaging.local.account import Account
from messaging.local.guard import Guard
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
        throwaway: bool = False,
        guard: Guard | None = None,
    ) -> None:
        """Nothing starts yet. `throwaway` is for tests: root's copies go to TMPDIR."""
        super().__init__(folder, port=port, throwaway=throwaway, guard=guard)

    @property
    def url(self) -> str:
        """redis://:password@127.0.0.1:port/0."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def _prepare(self, place: Path, account: Account | None) -> None:
        """Nothing: it keeps nothing."""

    def _program(self, place: Path, account: Account | None, port: int) -> Program:
        programs = binaries.valkey().for_account(account, "valkey-server", place)
        configuration = _CONFIGURATION.format(host=LOOPBACK, port=port, password=self.password)
        return Program(
            argv=(str(programs / "valkey-server"), "-"),
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            text=configuration.encode(),
            ask_with=signal.SIGTERM,
            account=account,
        )

    def _is_ready(self, process: Process, place: Path, port: int) -> bool:
        """Whether the server on that port takes our password and has our child's process id.

        Asked in the protocol's plain form, because importing the client takes 0.15 s.
        """
        try:
            with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nINFO server\r\nQUIT\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return False
        said = re.search(rb"process_id:(\d+)", answer)
        return said is not None and int(said[1]) == process.pid
