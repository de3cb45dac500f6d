"""procrastinate: a job a text in Postgres, as somebody who knows it well would use it."""

import sys
from collections.abc import Sequence

from procrastinate import App, SyncPsycopgConnector
from procrastinate.connector import BaseConnector
from procrastinate.schema import SchemaManager
from procrastinate.types import JSONDict

from messaging.local.bench.rows import RowsAndJobs
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


class Procrastinate(RowsAndJobs):
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

    def _add_jobs(self, ids: Sequence[int]) -> None:
        jobs: list[JSONDict] = [{"id": id} for id in ids]
        self._jobs.batch_defer(*jobs)
