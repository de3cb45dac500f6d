"""The floor: what our guarantees cost without Celery, the bridge and the hop through a queue."""

import sys
from collections.abc import Sequence

from messaging.local.bench.jobs import Jobs
from messaging.local.bench.site import Site
from messaging.postgres.migrate import migrate

DATABASE = "floor"
"""A database of its own, so that no bridge takes its jobs."""
_NAME = "floor"
_COMMAND = (sys.executable, "-m", "messaging.local.bench.sender")


class Floor(Jobs):
    """Processes that claim, send and settle, and do nothing else."""

    name = "no Celery"

    def __init__(self, site: Site, processes: int) -> None:
        """Start so many processes, which take texts. Raises Unreachable when they don't."""
        url = site.new_database(DATABASE)
        migrate(url)
        super().__init__(site, DATABASE)
        self._site = site
        self._names = site.start_several(_NAME, _COMMAND, processes, DATABASE_URL=url)
        site.wait_for_listeners(self._conn, processes, "the senders without Celery wait for texts")

    @property
    def pids(self) -> Sequence[int]:
        """The processes, with Postgres and Valkey."""
        return self._site.pids(*self._names)
