"""graphile-worker: a job a text in Postgres, as somebody who knows it well would use it."""

from collections.abc import Sequence

from messaging.local.bench.nodejs import Node
from messaging.local.bench.rows import RowsAndJobs
from messaging.local.bench.site import Site, all_numbered

_NAME = "graphile-worker"
_ADD = """
select graphile_worker.add_jobs(array_agg(
  ('send', json_build_object('id', id), null, null, null, null, null, null)
  ::graphile_worker.job_spec
))
from unnest(%s::bigint[]) as id
"""

_ANALYZE = "analyze graphile_worker._private_jobs"
"""Else connections keep plans that were made when autovacuum had found the table empty: in two runs
of five it then was five times slower."""


class Graphile(RowsAndJobs):
    """Workers, each with as many jobs at once as ours sends."""

    name = _NAME

    def __init__(self, site: Site, node: Node, processes: int) -> None:
        """Start so many workers, which take jobs. Raises Unreachable when they don't.

        The first one makes the tables, before there are others.
        """
        super().__init__(site, "graphile")
        self._site = site
        in_flight = str(site.settings.in_flight)
        worker = node.argv("graphile-worker.js")
        self._names = all_numbered(_NAME, processes)
        for number, name in enumerate(self._names, 1):
            site.start(name, worker, DATABASE_URL=self._url, IN_FLIGHT=in_flight)
            site.wait_for_listeners(self._conn, number, f"{name} waits for jobs")

    @property
    def pids(self) -> Sequence[int]:
        """The workers, with Postgres and Valkey."""
        return self._site.pids(*self._names)

    def _add_jobs(self, ids: Sequence[int]) -> None:
        self._conn.execute(_ADD, [ids])
        if len(ids) > 1:
            self._conn.execute(_ANALYZE)
