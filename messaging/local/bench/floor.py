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
    """One process that claims, sends and settles, and does nothing else."""

    name = "no Celery"

    def __init__(self, site: Site) -> None:
        """Start the process; it is at work once the first text is sent."""
        url = site.new_database(DATABASE)
        migrate(url)
        super().__init__(site, DATABASE)
        self._site = site
        site.start(_NAME, _COMMAND, DATABASE_URL=url)

    @property
    def pids(self) -> Sequence[int]:
        """The process, with Postgres and Valkey."""
        return self._site.pids(_NAME)
