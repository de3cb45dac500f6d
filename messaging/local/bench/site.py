"""The place of a measurement: servers, what stands for Twilio, and processes, below one folder."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from messaging.errors import Unreachable
from messaging.local.environment import Environment
from messaging.local.guard import Guard
from messaging.local.listening import accepts
from messaging.local.opened import Opened
from messaging.local.ports import LOOPBACK, any_free
from messaging.local.postgres import CONNECTIONS, EmbeddedPostgres
from messaging.local.process import Process, Program
from messaging.local.processes import Command
from messaging.local.twilio import Twilio
from messaging.local.valkey import EmbeddedValkey
from messaging.postgres.migrate import migrate
from messaging.settings import Settings, load

TUNING = (
    "MESSAGING_CHUNK",
    "MESSAGING_IN_FLIGHT",
    "MESSAGING_BRIDGE_WINDOW",
    "MESSAGING_DATABASE_POOL_SIZE",
    "WORKER_CONCURRENCY",
)
"""What a measurement takes from its own environment: nothing that leads to somebody's data."""
DEFAULT: Mapping[str, str] = MappingProxyType({})
"""No settings but those that everybody has."""
SIMULATOR = "messaging.local.simulator"
STAND_IN = "messaging.local.bench.standin"
"""Modules that stand for Twilio: with all that it may do, and with as little as answers like it."""
_LOOK = 0.05
"""Seconds between two looks at a condition: each costs the database something."""
_START_LIMIT = 60.0
_LAST_WORDS = 1500
_LISTENERS = """
select count(*)
from pg_stat_activity
where datname = current_database() and query ilike 'listen %'
"""


class Site(Opened):
    """Use it with `with`: what it starts ends with the block, in whatever way that ends."""

    def __init__(
        self,
        folder: Path,
        latency: timedelta,
        settings: Mapping[str, str] = DEFAULT,
        stands_for_twilio: str = SIMULATOR,
        host: str = LOOPBACK,
        connections: int = CONNECTIONS,
    ) -> None:
        """Nothing starts yet. `latency` is how long the simulated Twilio thinks; `settings` are
        those of every process that differ from their defaults; servers listen on `host`, and
        Postgres takes so many `connections`."""
        self._folder = folder
        self._more = settings
        self._connections = connections
        self._stands_for_twilio = stands_for_twilio
        self._host = host
        super().__init__()
        self._processes: dict[str, Process] = {}
        self.latency = latency
        self.web_port = any_free()

    @property
    def environment(self) -> dict[str, str]:
        """For every process: servers and account. Twilio isn't told where to report to."""
        alone = Environment(given={}, added={}).with_simulator(self.twilio.url, "")
        return {
            **alone.variables,
            **tuned(),
            **self._more,
            "PATH": os.defpath,
            "HOME": str(self._folder),
            "LC_ALL": "C.UTF-8",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
        }

    @property
    def settings(self) -> Settings:
        """The settings that this environment makes."""
        return load(self.environment)

    def start(self, name: str, argv: Sequence[str], **more: str) -> None:
        """Start a process, whose environment has these variables too."""
        program = Program(argv=argv, environment=self.environment | more, folder=self._folder)
        with self._log(name).open("ab") as output:
            self._processes[name] = Process(program, output=output, guard=self._guard)

    def start_several(
        self, name: str, argv: Sequence[str], count: int, **more: str
    ) -> Sequence[str]:
        """Start so many alike, and give their names: from the second on with a number."""
        names = all_numbered(name, count)
        for each in names:
            self.start(each, argv, **more)
        return names

    def start_command(self, command: Command, number: int = 1, **more: str) -> str:
        """Start a process of the Procfile, and give its name: from the second on with a number."""
        name = numbered(command.name, number)
        argv = command.argv(self.environment | more, number)
        self.start(name, (*self.way_to(command, number), *argv), **more)
        return name

    def way_to(self, command: Command, number: int) -> Sequence[str]:
        """What stands before a command to have it run where it belongs: nothing, on one host."""
        return ()

    def kill(self, name: str) -> None:
        """Kill a process with -9; it is not missed any more."""
        self._processes.pop(name).kill()

    def pid(self, name: str) -> int:
        """The process of this name."""
        return self._processes[name].pid

    def pids(self, *names: str) -> list[int]:
        """The processes of these names, with Postgres and Valkey."""
        return [*map(self.pid, names), self.postgres.pid, self.valkey.pid]

    def wait_until(
        self, condition: Callable[[], bool], limit: float, what: str, *, look: float = _LOOK
    ) -> None:
        """Return when the condition is true; there are `look` seconds between two looks at it.

        Raises Unreachable when a process ends meanwhile, or the limit in seconds is over.
        """
        end = time.monotonic() + limit
        while not condition():
            self._expect_processes()
            if time.monotonic() > end:
                raise Unreachable(f"Not within {limit:g} s: {what}.\n{self._words()}")
            time.sleep(look)

    def connect(self, database: str) -> Connection[TupleRow]:
        """A connection on which every statement commits; it closes with the site."""
        connection = psycopg.connect(self.url_of(database), autocommit=True)
        # Not its context manager, which would commit: Ctrl-C may have come amid a statement.
        self._closing.callback(connection.close)
        return connection

    def new_database(self, name: str) -> str:
        """Make a database on the same server, and give its address."""
        statement = SQL("create database {}").format(Identifier(name))
        self.connect("postgres").execute(statement)
        return self.url_of(name)

    def url_of(self, database: str) -> str:
        """The address of another database on the same server."""
        return f"{self.postgres.url.rpartition('/')[0]}/{database}"

    def wait_for_listeners(self, conn: Connection[TupleRow], count: int, what: str) -> None:
        """Return when so many sessions of this database have begun to listen, and done nothing
        since. Raises Unreachable when they don't."""
        self.wait_until(lambda: conn.execute(_LISTENERS).fetchone() == (count,), _START_LIMIT, what)

    def on_close(self, close: Callable[[], None]) -> None:
        """Have this called when the site closes, before what was there earlier goes."""
        self._closing.callback(close)

    def _open(self) -> None:
        enter = self._closing.enter_context
        self._guard = Guard()
        self._closing.callback(self._guard.close)
        self.valkey = enter(
            EmbeddedValkey(self._folder / "valkey", guard=self._guard, host=self._host)
        )
        self.postgres = enter(
            EmbeddedPostgres(
                self._folder / "postgres",
                connections=self._connections,
                guard=self._guard,
                host=self._host,
            )
        )
        migrate(self.postgres.url)
        self._closing.callback(self._kill_all)
        self._start_twilio()

    def _start_twilio(self) -> None:
        host, port = self._host, any_free(self._host)
        self.twilio = Twilio(port, host)
        module = self._stands_for_twilio
        name = module.rpartition(".")[2]
        self.start(name, (sys.executable, "-m", module, "--host", host, "--port", str(port)))
        self.wait_until(lambda: accepts(port, host), _START_LIMIT, f"the {name} listens")
        self.twilio.think(self.latency)

    def _kill_all(self) -> None:
        for process in self._processes.values():
            process.kill()

    def _expect_processes(self) -> None:
        for name, process in self._processes.items():
            code = process.exit_code()
            if code is not None:
                words = self._last_words(name)
                raise Unreachable(f"{name} has ended (exit code {code}):\n{words}")

    def _words(self) -> str:
        return "\n".join(f"{name}: {self._last_words(name)}" for name in self._processes)

    def _last_words(self, name: str) -> str:
        return self._log(name).read_text(errors="replace")[-_LAST_WORDS:].strip()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def numbered(name: str, number: int) -> str:
    """The name of one of several processes: the first one has no number."""
    return name if number == 1 else f"{name}-{number}"


def all_numbered(name: str, count: int) -> list[str]:
    """The names of so many."""
    return [numbered(name, number) for number in range(1, count + 1)]


def tuned(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Those of our settings for speed that are in the environment."""
    return {name: environment[name] for name in TUNING if environment.get(name)}
