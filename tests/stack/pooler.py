"""A transaction pooler before Postgres, as many installations have one: PgBouncer.

It is used where it is installed, or where MESSAGING_TEST_PGBOUNCER names it; `make pooler` fetches
Debian's. With MESSAGING_TEST_POOLER=all every stack of processes is behind it.
"""

import os
import shutil
import signal
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from messaging.local.place import Place
from messaging.local.ports import LOOPBACK
from messaging.local.process import Process, Program
from messaging.local.server import Server

EVERYWHERE = os.environ.get("MESSAGING_TEST_POOLER") == "all"
"""Whether each stack is to be behind a pooler, not only those that are about it."""
SERVERS = 6
"""Connections to Postgres that all processes share, fewer than they open: they take turns."""

_CONFIGURATION = """\
[databases]
* = host={host} port={postgres} user={user} password={password}

[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 500
query_wait_timeout = 60
server_login_retry = 1
log_connections = 0
log_disconnections = 0
"""


class Pooler(Server):
    """A PgBouncer in transaction mode before one Postgres, for each of its databases."""

    name = "PgBouncer"

    def __init__(self, folder: Path, database: str) -> None:
        """Before the server of this database. Nothing starts yet."""
        super().__init__(folder, port=0, throwaway=True, guard=None)
        self._database = urlsplit(database)

    @property
    def url(self) -> str:
        """The same database through the pooler."""
        given = self._database
        return given._replace(netloc=f"{given.username}@{LOOPBACK}:{self.port}").geturl()

    def _prepare(self, place: Place) -> None:
        """Nothing: its configuration comes with the port."""

    def _program(self, place: Place, port: int) -> Program:
        configuration = place.path / "pgbouncer.ini"
        configuration.unlink(missing_ok=True)
        configuration.touch(mode=0o600)
        configuration.write_text(
            _CONFIGURATION.format(
                host=LOOPBACK,
                port=port,
                postgres=self._database.port,
                user=self._database.username,
                password=self._database.password,
                servers=SERVERS,
            )
        )
        if place.account:
            place.account.own(configuration)
        return Program(
            argv=(str(program()), str(configuration)),
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            ask_with=signal.SIGINT,
            account=place.account,
        )

    def _is_ready(self, process: Process, place: Place, port: int) -> bool:
        url = self._database._replace(netloc=f"{self._database.username}@{LOOPBACK}:{port}")
        try:
            with psycopg.connect(url.geturl(), connect_timeout=1) as conn:
                conn.execute("select")
        except psycopg.OperationalError:
            return False
        return process.exit_code() is None


def program() -> Path | None:
    """Where PgBouncer is; None where there is none."""
    named = os.environ.get("MESSAGING_TEST_PGBOUNCER")
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    found = named or shutil.which("pgbouncer", path=path)
    return Path(found) if found else None
