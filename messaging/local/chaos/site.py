"""The place of a run: servers that die, a Twilio that does not, and a proxy on each line."""

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.errors import Unreachable
from messaging.local.chaos.kept import Kept
from messaging.local.chaos.options import TIMES
from messaging.local.chaos.plan import Line
from messaging.local.environment import Environment
from messaging.local.guard import Guard
from messaging.local.listening import accepts
from messaging.local.opened import Opened
from messaging.local.ports import LOOPBACK, any_free
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import Process, Program, wait_until
from messaging.local.proxy import Proxy
from messaging.local.twilio import Twilio
from messaging.local.valkey import EmbeddedValkey
from messaging.settings import Settings, load, names_of

OURS = "chaos"
"""What our own connections are called, which nobody kills one by one."""
PROTOCOL = tuple(names_of(time)[0] for time in TIMES)
"""What a run takes from its own environment: nothing that leads to somebody's data."""
CHUNK = 10
"""Texts in a task: few, so that many tasks are interrupted, each at another place."""
_START_LIMIT = 60.0
_LATENCY_MS = 100
"""How long Twilio thinks, so that there is a middle of a request to hit."""
_MOMENTS = {"queued_ms": ("50", "400"), "delivered_ms": ("100", "1500")}
"""From acceptance to the callbacks."""


class Site(Opened):
    """Use it with `with`: what it starts ends with the block, in whatever way that ends."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Nothing starts yet. The seed is Twilio's, too."""
        self._folder = folder
        self._seed = seed
        super().__init__()
        self._keeping = ExitStack()
        self.lines: dict[Line, Proxy] = {}

    @property
    def environment(self) -> dict[str, str]:
        """For every process: each line leads through its proxy."""
        web = f"http://{LOOPBACK}:{self.lines[Line.WEB].port}"
        twilio = f"http://{LOOPBACK}:{self.lines[Line.TWILIO].port}"
        return {
            **Environment(given={}, added={}).with_simulator(twilio, web).variables,
            **protocol(),
            "MESSAGING_CHUNK": str(CHUNK),
            "PATH": os.defpath,
            "HOME": str(self._folder),
            "LC_ALL": "C.UTF-8",
            "DATABASE_URL": self._through(Line.POSTGRES, self.postgres.url),
            "REDIS_URL": self._through(Line.REDIS, self.valkey.url),
        }

    @property
    def settings(self) -> Settings:
        """The settings that this environment makes."""
        return load(self.environment)

    def connect(self) -> Connection[TupleRow]:
        """A connection past the proxy, on which every statement commits.

        Raises psycopg.OperationalError while Postgres is down.
        """
        return psycopg.connect(
            self.postgres.url, autocommit=True, connect_timeout=2, application_name=OURS
        )

    def keep_servers(self) -> None:
        """From now on servers that end are started again, wherever they listen then."""
        servers = (
            (self.postgres, self._aim_at_postgres),
            (self.valkey, self._aim_at_valkey),
        )
        for server, on_start in servers:
            self._keeping.enter_context(Kept(server, on_start))

    def heal(self) -> None:
        """Every line passes on again, and Twilio lets go of what hangs."""
        for proxy in self.lines.values():
            proxy.pass_on()
        self.twilio.release()

    def _open(self) -> None:
        enter = self._closing.enter_context
        self.guard = Guard()
        self._closing.callback(self.guard.close)
        self.valkey = enter(EmbeddedValkey(self._folder / "valkey", guard=self.guard))
        self.postgres = enter(EmbeddedPostgres(self._folder / "postgres", guard=self.guard))
        self._start_twilio()
        for line in Line:
            self.lines[line] = enter(Proxy((LOOPBACK, 1)))  # nobody's port
        self._aim_at_postgres()
        self._aim_at_valkey()
        self.lines[Line.TWILIO].aim((LOOPBACK, self.twilio.port))
        self._closing.callback(self._keeping.close)

    def _start_twilio(self) -> None:
        self.twilio = Twilio(any_free())
        log = self._folder / "twilio.log"
        with log.open("ab") as output:
            process = Process(self._simulator(), output=output, guard=self.guard)
        self._closing.callback(process.kill)
        if not wait_until(lambda: accepts(self.twilio.port), limit=_START_LIMIT):
            raise Unreachable(f"The simulator did not start:\n{log.read_text(errors='replace')}")

    def _simulator(self) -> Program:
        options = [
            *("--port", str(self.twilio.port), "--seed", str(self._seed)),
            *("--ledger-file", str(self._folder / "ledger.jsonl")),
            *("--latency-ms", str(_LATENCY_MS)),
            *("--queued-ms", *_MOMENTS["queued_ms"], "--delivered-ms", *_MOMENTS["delivered_ms"]),
        ]
        return Program(
            argv=[sys.executable, "-m", "messaging.local.simulator", *options],
            environment=Environment(given={}, added={}).with_simulator("", "").variables,
            folder=self._folder,
        )

    def _aim_at_postgres(self) -> None:
        self.lines[Line.POSTGRES].aim((LOOPBACK, self.postgres.port))

    def _aim_at_valkey(self) -> None:
        self.lines[Line.REDIS].aim((LOOPBACK, self.valkey.port))

    def _through(self, line: Line, url: str) -> str:
        return url.replace(f":{urlsplit(url).port}/", f":{self.lines[line].port}/")


def protocol(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Those of the protocol's times that are in the environment."""
    return {name: environment[name] for name in PROTOCOL if environment.get(name)}
