"""graphile-worker: a job a text in Postgres, as somebody who knows it well would use it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from messaging.local.bench import texts
from messaging.local.bench.nodejs import Node
from messaging.local.bench.rows import Rows
from messaging.local.bench.site import Site, numbered

_NAME = "graphile-worker"
_ADD = """
select graphile_worker.add_jobs(array_agg(
  ('send', json_build_object('id', id), null, null, null, null, null, null)
  ::graphile_worker.job_spec
))
from unnest(%s::bigint[]) as id
"""


class Graphile(Rows):
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
        self._names = [numbered(_NAME, number) for number in range(1, processes + 1)]
        for number, name in enumerate(self._names, 1):
            site.start(name, worker, DATABASE_URL=self._url, IN_FLIGHT=in_flight)
            site.wait_for_listeners(self._conn, number, f"{name} waits for jobs")

    @property
    def pids(self) -> Sequence[int]:
        """The workers, with Postgres and Valkey."""
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
        self._conn.execute(_ADD, [self._store(bodies)])
