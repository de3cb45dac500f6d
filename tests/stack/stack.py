"""The whole service as real processes, for tests that start it, hurt it and watch it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery
from kombu import pools
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import Messaging
from messaging.local.guard import Guard
from messaging.local.listening import is_healthy
from messaging.local.opened import Opened
from messaging.local.ports import LOOPBACK, any_free
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.processes import BEAT, BRIDGE, FLOWER, WEB, WORKER, Command
from messaging.local.simulator import Config, Simulator
from messaging.settings import load
from tests import servers
from tests.stack.child import Child
from tests.stack.links import Links
from tests.stack.pooler import EVERYWHERE, Pooler

_START_LIMIT = 60.0
_LOOK = 0.1
"""Seconds between two looks at a condition: each costs the database something."""
QUICK = Config(queued_ms=(5, 20), delivered_ms=(10, 40))
"""A Twilio whose texts arrive in less than a tenth of a second."""
_PATIENT = "-c lock_timeout=30s"
"""A test that waits for a lock for ever tells nobody so."""
_CALLED = {"bridge-1": "bridge", "celerybeat": "beat"}
"""What Celery calls them, and what we do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a stack is to be made of, and what its processes find in their environment."""

    workers: int = 1
    flower: bool = False
    environment: Mapping[str, str]
    twilio: Config = QUICK
    bridge: Command = BRIDGE
    bad_network: bool = False
    """Whether a proxy stands between the processes and each server, for tests that cut links."""
    pooled: bool = EVERYWHERE
    """Whether the processes reach Postgres through a transaction pooler, unless links are cut."""


class Stack(Opened):
    """Every process of the service, a database, a Valkey and a Twilio of its own."""

    def __init__(self, shape: Shape, postgres: EmbeddedPostgres, folder: Path) -> None:
        """Nothing starts yet; use it with `with`."""
        self._shape = shape
        self._postgres = postgres
        self._folder = folder
        super().__init__()
        self._db: Connection[TupleRow] | None = None
        self.children: dict[str, Child] = {}
        self._ever: list[Child] = []

    def _open(self) -> None:
        enter = self._closing.enter_context
        self.twilio = enter(Simulator.running(self._shape.twilio))
        self.valkey = enter(servers.redis(self._folder / "valkey"))
        database = enter(_database(self._postgres, f"stack_{id(self)}"))
        self.web_port = any_free()
        self.flower_port = any_free()
        self.environment = self._environment(database)
        if self._shape.pooled and not self._shape.bad_network:
            pooler = enter(Pooler(self._folder / "pooler", database))
            self.environment |= {"DATABASE_URL": pooler.url, "DATABASE_DIRECT_URL": database}
        self.settings = load(self.environment)
        if self._shape.bad_network:
            self.links = enter(Links(self.environment))
            self.environment |= self.links.detours()
        self.messaging = enter(Messaging(self.settings))
        self._database = database
        self._closing.callback(self.disconnect)
        self._guard = Guard()
        self._closing.callback(self._guard.close)
        self._closing.callback(self._kill_all)
        self._start_all()

    def _environment(self, database: str) -> dict[str, str]:
        twilio = self.twilio
        return {
            "PATH": os.defpath,
            "HOME": str(self._folder),
            "LC_ALL": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
            "DATABASE_URL": database,
            "REDIS_URL": self.valkey.url,
            "TWILIO_ACCOUNT_SID": twilio.config.account_sid,
            "TWILIO_AUTH_TOKEN": twilio.config.auth_token,
            "TWILIO_MESSAGING_SERVICE_SID": twilio.config.messaging_services[0],
            "TWILIO_API_BASE_URL": twilio.base_url,
            "PUBLIC_BASE_URL": f"http://{LOOPBACK}:{self.web_port}",
            "PORT": str(self.web_port),
            "FLOWER_ADDRESS": LOOPBACK,
            "FLOWER_PORT": str(self.flower_port),
            **self._shape.environment,
        }

    @property
    def db(self) -> Connection[TupleRow]:
        """A connection past any proxy, a new one where Postgres was killed; statements commit."""
        if self._db is None or self._db.closed:
            self._db = psycopg.connect(self._database, autocommit=True, options=_PATIENT)
        return self._db

    @property
    def database_url(self) -> str:
        """The database, past any proxy."""
        return self._database

    def disconnect(self) -> None:
        """Closes the connection `db`; the next use opens another one."""
        if self._db:
            self._db.close()

    def _start_all(self) -> None:
        self.start("web", WEB)
        self.start("bridge", self._shape.bridge)
        for number in range(1, self._shape.workers + 1):
            self.start(f"worker-{number}", WORKER, number)
        self.start("beat", BEAT)
        if self._shape.flower:
            self.start("flower", FLOWER)
        self.wait_until(self.is_ready, _START_LIMIT)

    def start(self, name: str, command: Command, number: int = 1) -> Child:
        """Starts one more process, or one of this name again; it ends with the stack."""
        self.children[name] = child = Child(
            name=name,
            argv=command.argv(self.environment, number),
            environment=self.environment,
            log=self._folder / f"{name}.log",
            guard=self._guard,
        )
        child.start()
        self._ever.append(child)
        return child

    def left_over(self) -> list[int]:
        """Process groups of everything that it ever started and that is still there."""
        return [group for child in self._ever for group in child.left_over()]

    def _kill_all(self) -> None:
        for child in self.children.values():
            child.kill()

    def is_ready(self) -> bool:
        """Whether every process answers."""
        wanted = {name for name in self.children if name not in ("web", "flower")}
        return (
            is_healthy(self.web_port, "/readyz")
            and (not self._shape.flower or is_healthy(self.flower_port, "/healthcheck"))
            and wanted <= self.answering(len(wanted))
        )

    def answering(self, most: int | None = None) -> set[str]:
        """The workers, the bridge and beat, as far as they answer a ping within a second.

        So many answers are enough, where a number is given.
        """
        pools.reset()  # type: ignore[no-untyped-call]  # connections from before Redis was killed
        with Celery(broker=self.valkey.url, set_as_current=False) as app:
            answers = app.control.ping(timeout=1.0, limit=most)
        names = {name.partition("@")[0] for answer in answers for name in answer}
        return {_CALLED.get(name, name) for name in names}

    def start_task(self, name: str) -> None:
        """Has a periodic task done now, before beat asks for it."""
        pools.reset()  # type: ignore[no-untyped-call]
        with Celery(broker=self.valkey.url, set_as_current=False) as app:
            app.send_task(name, queue="upkeep")

    def wait_until(self, condition: Callable[[], bool], limit: float = 60.0) -> None:
        """Waits for a condition. Fails after `limit` seconds, saying how the jobs stand."""
        assert self.comes_true(condition, limit), f"not within {limit:g} s; jobs: {self.jobs()}"

    def comes_true(self, condition: Callable[[], bool], limit: float) -> bool:
        """Whether the condition came true within `limit` seconds."""
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK)
        return True

    def jobs(self) -> dict[str, int]:
        """How many jobs there are in each status."""
        rows = self.db.execute("select status, count(*) from message_jobs group by 1")
        return dict(rows)

    def entries(self, queue: str) -> list[Any]:
        """What is in a queue, leased or not, oldest first."""
        rows = self.db.execute(f"select message from pgmq.q_{queue} order by msg_id".encode())
        return [message for (message,) in rows]

    def logs(self) -> str:
        """What all processes have printed."""
        return "\n".join(child.text() for child in self.children.values())


@contextmanager
def _database(postgres: EmbeddedPostgres, name: str) -> Iterator[str]:
    """A copy of the migrated database."""
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute(f"create database {name} template migrated".encode())
    yield f"{postgres.url.rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)".encode())
