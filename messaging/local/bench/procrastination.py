"""procrastinate: a job a text in Postgres, as somebody who knows it well would use it."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from procrastinate import App, SyncPsycopgConnector
from procrastinate.connector import BaseConnector
from procrastinate.schema import SchemaManager
from procrastinate.types import JSONDict

from messaging.local.bench import texts
from messaging.local.bench.rows import Rows
from messaging.local.bench.site import Site

TASK = "send"
WORKERS = 4
"""In each process. One fetches a job at a time and waits for its commit; four of them had up to
half as many texts again, and eight no more."""
_NAME = "procrastinate"
_COMMAND = (sys.executable, "-m", "messaging.local.bench.procrastinator")
_LIMIT = 60.0
_AT_WORK = "select count(*)::float8 from procrastinate_workers"
"""Each notes itself there before it looks for jobs."""


def new_app(connector: BaseConnector) -> App:
    """Without a task. It complains where a program's main module makes it."""
    return App(connector=connector)


class Procrastinate(Rows):
    """Processes of workers, each with as many jobs at once as a worker of ours sends."""

    name = _NAME
    is_slow = True

    def __init__(self, site: Site, processes: int) -> None:
        """Start so many processes, which take jobs. Raises Unreachable when they don't."""
        super().__init__(site, _NAME)
        self._site = site
        self._conn.execute(SchemaManager.get_schema())
        app = new_app(SyncPsycopgConnector())
        self._jobs = app.configure_task(TASK, connection=self._conn)
        self._names = site.start_several(_NAME, _COMMAND, processes, DATABASE_URL=self._url)
        site.wait_until(
            lambda: self._number(_AT_WORK) == WORKERS * processes,
            _LIMIT,
            "procrastinate's workers take jobs",
        )

    @property
    def pids(self) -> Sequence[int]:
        """The processes, with Postgres and Valkey."""
        return self._site.pids(*self._names)

    @contextmanager
    def handing_over(self, count: int) -> Iterator[None]:
        """Rows and their jobs are in the transaction that commits at the end."""
        with self._conn.transaction():
            self._add([texts.body(n) for n in range(count)])
            yield

    def hand_over_one(self, body: str) -> float:
        """A row and its job in one transaction."""
        with self._conn.transaction():
            self._add([body])
            return time.time()

    def _add(self, bodies: Sequence[str]) -> None:
        jobs: list[JSONDict] = [{"id": id} for id in self._store(bodies)]
        self._jobs.batch_defer(*jobs)
