"""BullMQ: a job a text in Valkey, as somebody who knows it well would use it for this."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection

from messaging.errors import Unreachable
from messaging.local.bench import texts
from messaging.local.bench.nodejs import Node
from messaging.local.bench.rows import Rows
from messaging.local.bench.site import Site
from messaging.local.listening import accepts
from messaging.local.ports import LOOPBACK, any_free

_WORKER, _QUEUE = "bullmq-worker", "bullmq-queue"
_LIMIT = 60.0


class BullMq(Rows):
    """A worker with as many jobs at once as ours, and a process that puts jobs into its queue."""

    name = "BullMQ"

    def __init__(self, site: Site, node: Node) -> None:
        """Start both; the worker is at work once the first text is sent."""
        super().__init__(site, "bullmq")
        self._site = site
        self._port = any_free()
        in_flight = str(site.settings.in_flight)
        worker = node.argv("bullmq-worker.js")
        site.start(_WORKER, worker, DATABASE_URL=self._url, IN_FLIGHT=in_flight)
        site.start(_QUEUE, node.argv("bullmq-queue.js"), PORT=str(self._port))
        site.wait_until(lambda: accepts(self._port), _LIMIT, "BullMQ's queue takes jobs")

    @property
    def pids(self) -> Sequence[int]:
        """Both, with Postgres and Valkey."""
        return self._site.pids(_WORKER, _QUEUE)

    @contextmanager
    def handing_over(self, count: int) -> Iterator[None]:
        """Rows are committed at once; their jobs are added, in one call, at the end."""
        ids = self._store([texts.body(n) for n in range(count)])
        yield
        self._add(ids)

    def hand_over_one(self, body: str) -> float:
        """A row, and after its commit its job."""
        with self._conn.transaction():
            ids = self._store([body])
            committed = time.time()
        self._add(ids)
        return committed

    def _add(self, ids: Sequence[int]) -> None:
        connection = HTTPConnection(LOOPBACK, self._port, timeout=_LIMIT)
        try:
            connection.request("POST", "/", json.dumps(ids))
            status = connection.getresponse().status
        finally:
            connection.close()
        if status != 200:
            raise Unreachable(f"BullMQ's queue did not take its jobs: it answered {status}.")
