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
    """Workers, each with as many jobs at once as ours, and a process that puts jobs into their
    queue."""

    name = "BullMQ"

    def __init__(self, site: Site, node: Node, processes: int) -> None:
        """Start so many workers, which take jobs, and the queue. Raises Unreachable when they
        don't."""
        super().__init__(site, "bullmq")
        self._site = site
        self._port = any_free()
        in_flight = str(site.settings.in_flight)
        worker = node.argv("bullmq-worker.js")
        self._workers = site.start_several(
            _WORKER, worker, processes, DATABASE_URL=self._url, IN_FLIGHT=in_flight
        )
        site.start(_QUEUE, node.argv("bullmq-queue.js"), PORT=str(self._port))
        site.wait_until(lambda: accepts(self._port), _LIMIT, "BullMQ's queue takes jobs")
        site.wait_until(
            lambda: json.loads(self._ask("GET")) == processes, _LIMIT, "BullMQ's workers take jobs"
        )

    @property
    def pids(self) -> Sequence[int]:
        """The workers and the queue, with Postgres and Valkey."""
        return self._site.pids(*self._workers, _QUEUE)

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
        self._ask("POST", json.dumps(ids))

    def _ask(self, method: str, body: str | None = None) -> bytes:
        connection = HTTPConnection(LOOPBACK, self._port, timeout=_LIMIT)
        try:
            connection.request(method, "/", body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Unreachable(f"BullMQ's queue did not do its work: it answered {answer.status}.")
        return content
