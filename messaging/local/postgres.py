"""Postgres as a child of this process, on one address, with data that is kept in a folder."""

import signal
from pathlib import Path

import psycopg

from messaging.local import binaries, cluster, secret
from messaging.local.guard import Guard
from messaging.local.place import Place
from messaging.local.ports import LOOPBACK
from messaging.local.process import Process, Program
from messaging.local.server import Server

_NAME = "messaging"
"""Of the user and of the database."""
CONNECTIONS = 200
"""At a time, unless more are asked for."""
_SETTINGS = {
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # One machine, nobody replicates: less to write.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    # Twice the default, for the indexes of large tables. Memory that is touched for the first time
    # is slow, so that more would cost small tables more than it gives to large ones.
    "shared_buffers": "256MB",
    # Every commit of ours writes for itself; what would write for others need not look up so often.
    "wal_writer_delay": "1s",
    # As many pages a second as by default, looked for once a second and not five times.
    "bgwriter_delay": "1s",
    "bgwriter_lru_maxpages": "500",
    # Short statements: compiling them takes longer than running them.
    "jit": "off",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
"""Commits are still written at once: synchronous_commit=off would lose some to a kill -9."""


class EmbeddedPostgres(Server):
    """A Postgres server for one folder, with one user and one database named `messaging`."""

    name = "Postgres"

    def __init__(
        self,
        folder: Path,
        *,
        version: int = 18,
        port: int = 0,
        durable: bool = True,
        connections: int = CONNECTIONS,
        programs: Path | None = None,
        guard: Guard | None = None,
        host: str = LOOPBACK,
    ) -> None:
        """Nothing starts yet.

        `version` is 18 or 16; `programs` is the `bin` folder of another PostgreSQL, and wins.
        `durable=False` is for tests: fast, and the data may be lost if the machine crashes.
        `host` is the address to listen on; other hosts of its network may connect, too.
        `connections` are how many there may be at a time.
        """
        super().__init__(folder, port=port, throwaway=not durable, guard=guard, host=host)
        self._durable = durable
        self._connections = str(connections)
        self._package = binaries.installed(programs) if programs else binaries.postgres(version)

    @property
    def url(self) -> str:
        """postgresql://messaging:password@host:port/messaging."""
        return self._url_of(_NAME, self.port)

    @property
    def pgpass(self) -> Path:
        """A password file for psql and other clients (PGPASSFILE), right for the last start."""
        file = self.folder / "pgpass"
        secret.write_private(file, f"{self._host}:{self.port}:*:{_NAME}:{self.password}\n")
        return file

    @property
    def programs(self) -> Path:
        """The folder of psql and its kin, for our own user."""
        return self._package.bin

    def _prepare(self, place: Place) -> None:
        files = place.path / "cluster"
        if files.exists():
            cluster.make_free(files)
        else:
            cluster.create(
                files,
                initdb=self._tool("initdb", place),
                user=_NAME,
                password=self.password,
                durable=self._durable,
                account=place.account,
            )
        if self._host != LOOPBACK:
            cluster.admit_network(files)

    def _program(self, place: Place, port: int) -> Program:
        settings = _SETTINGS | ({} if self._durable else _NOT_DURABLE)
        settings |= {"listen_addresses": self._host, "max_connections": self._connections}
        settings |= {"port": str(port)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return Program(
            argv=(self._tool("postgres", place), "-D", str(place.path / "cluster"), *options),
            environment=cluster.ENVIRONMENT,
            ask_with=signal.SIGINT,  # the fast shutdown; SIGTERM would wait for its clients
            account=place.account,
        )

    def _is_ready(self, process: Process, place: Place, port: int) -> bool:
        """Whether our child has the port, and what answers there has our files.

        postmaster.pid alone would do on Linux; the question to the server itself proves it.
        """
        running = cluster.postmaster(place.path / "cluster")
        if running != cluster.Postmaster(pid=process.pid, port=port, is_ready=True):
            return False
        with psycopg.connect(self._url_of("postgres", port), autocommit=True) as connection:
            self._have_database(connection)
            found = connection.execute("show data_directory").fetchone()
        return found is not None and Path(found[0]).samefile(place.path / "cluster")

    def _failed_for_remains(self) -> bool:
        # Postgres's own words. Its processes outlive a postmaster that was killed by a moment.
        return "pre-existing shared memory block" in self._last_words()

    def _have_database(self, connection: psycopg.Connection[tuple[str, ...]]) -> None:
        query = "select datname from pg_database where datname = %s"
        if connection.execute(query, [_NAME]).fetchone() is None:
            connection.execute("create database messaging")

    def _tool(self, name: str, place: Place) -> str:
        return str(self._package.for_account(name, place) / name)

    def _url_of(self, database: str, port: int) -> str:
        return f"postgresql://{_NAME}:{self.password}@{self._host}:{port}/{database}"
