"""The other side: plain Celery, as somebody who knows it well would use it for this."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from celery import Celery

from messaging.local.bench import texts
from messaging.local.bench.rows import Rows
from messaging.local.bench.site import Site, all_numbered

THREADS = 32
"""At 100 ms each, sixteen could not send more than 160 texts a second. With 32 one process is
busy, and more of them add nothing (measured with 64 and 128)."""
_NAME = "plain-celery"
_COMMAND = (
    *(sys.executable, "-m", "celery", "--quiet", "-A", "messaging.local.bench.baseline"),
    *("worker", "--pool", "threads", "--concurrency", str(THREADS), "--task-events"),
    *("--without-gossip", "--without-mingle"),
)
_LIMIT = 60.0
_FOR_A_SIGN = 1.0
"""Seconds that workers have to answer."""


class Plain(Rows):
    """Workers with threads, for one task a text."""

    name = "plain Celery"
    is_slow = True

    def __init__(self, site: Site, processes: int) -> None:
        """Start so many workers, which take texts. Raises Unreachable when they don't."""
        super().__init__(site, "plain")
        self._site = site
        self._app = Celery("plain", broker=site.valkey.url, set_as_current=False)
        self._app.conf.task_ignore_result = True
        site.on_close(self._app.close)
        self._names = all_numbered(_NAME, processes)
        nodes = [f"{name}@bench" for name in self._names]
        for name, node in zip(self._names, nodes, strict=True):
            site.start(name, (*_COMMAND, "--hostname", node), DATABASE_URL=self._url)
        site.wait_until(lambda: self._all_answer(nodes), _LIMIT, f"{_NAME}'s workers answer")

    @property
    def pids(self) -> Sequence[int]:
        """The workers, with Postgres and Valkey."""
        return self._site.pids(*self._names)

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

    def _all_answer(self, nodes: Sequence[str]) -> bool:
        """Whether these workers take tasks: they answer once they do."""
        signs = self._app.control.ping(destination=nodes, timeout=_FOR_A_SIGN)
        return len(signs) == len(nodes)

    def _publish(self, ids: Sequence[int]) -> None:
        with self._app.amqp.producer_pool.acquire(block=True) as producer:
            for id in ids:
                self._app.send_task("plain.send", args=[id], queue="plain", producer=producer)
