"""The other side: plain Celery, as somebody who knows it well would use it for this."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from celery import Celery

from messaging.local.bench import texts
from messaging.local.bench.rows import Rows
from messaging.local.bench.site import Site

THREADS = 32
"""At 100 ms each, sixteen could not send more than 160 texts a second. With 32 one process is
busy, and more of them add nothing (measured with 64 and 128)."""
_NAME = "plain-celery"
_COMMAND = (
    *(sys.executable, "-m", "celery", "--quiet", "-A", "messaging.local.bench.baseline"),
    *("worker", "--pool", "threads", "--concurrency", str(THREADS), "--task-events"),
    *("--hostname", "plain@%h", "--without-gossip", "--without-mingle"),
)


class Plain(Rows):
    """One worker with threads, for one task a text."""

    name = "plain Celery"

    def __init__(self, site: Site) -> None:
        """Start the worker; it is at work once the first text is sent."""
        super().__init__(site, "plain")
        self._site = site
        self._app = Celery("plain", broker=site.valkey.url, set_as_current=False)
        self._app.conf.task_ignore_result = True
        site.on_close(self._app.close)
        site.start(_NAME, _COMMAND, DATABASE_URL=self._url)

    @property
    def pids(self) -> Sequence[int]:
        """The worker, with Postgres and Valkey."""
        return self._site.pids(_NAME)

    @contextmanager
    def handing_over(self, count: int) -> Iterator[None]:
        """Rows are committed at once; their tasks are published, one by one, at the end."""
        ids = self._store([texts.body(n) for n in range(count)])
        yield
        self._publish(ids)

    def hand_over_one(self, body: str) -> float:
        """A row, and after its commit its task."""
        with self._conn.transaction():
            ids = self._store([body])
            committed = time.time()
        self._publish(ids)
        return committed

    def _publish(self, ids: Sequence[int]) -> None:
        with self._app.amqp.producer_pool.acquire(block=True) as producer:
            for id in ids:
                self._app.send_task("plain.send", args=[id], queue="plain", producer=producer)
