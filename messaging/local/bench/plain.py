"""The other side: plain Celery, as somebody who knows it well would use it for this."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString

from celery import Celery

from messaging.local.bench import texts
from messaging.local.bench.site import Site

DATABASE = "plain"
"""A database of its own, so that no trigger and no index of ours slows it down."""
THREADS = 32
"""At 100 ms each, sixteen could not send more than 160 texts a second. With 32 one process is
busy, and more of them add nothing (measured with 64 and 128)."""
_NAME = "plain-celery"
_COMMAND = (
    *(sys.executable, "-m", "celery", "--quiet", "-A", "messaging.local.bench.baseline"),
    *("worker", "--pool", "threads", "--concurrency", str(THREADS), "--task-events"),
    *("--hostname", "plain@%h", "--without-gossip", "--without-mingle"),
)

_TABLE = """
create table texts (
  id bigint generated always as identity primary key,
  phone text not null,
  body text not null,
  status text not null default 'pending',
  sid text,
  created_at timestamptz not null default now(),
  sent_at timestamptz
)
"""
_STORE = """
insert into texts (phone, body)
select * from unnest(%s::text[], %s::text[])
returning id
"""
_IS_DONE = "select not exists (select from texts where sid is null)"
_LAST_SENT = "select extract(epoch from max(sent_at))::float8 from texts"


class Plain:
    """One worker with threads, for one task a text."""

    def __init__(self, site: Site) -> None:
        """Start the worker; it is at work once the first text is sent."""
        self._site = site
        site.connect("postgres").execute("create database plain")
        self._conn = site.connect(DATABASE)
        self._conn.execute(_TABLE)
        self._app = Celery("plain", broker=site.valkey.url, set_as_current=False)
        self._app.conf.task_ignore_result = True
        site.on_close(self._app.close)
        site.start(_NAME, _COMMAND, DATABASE_URL=site.url_of(DATABASE))

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

    def is_done(self) -> bool:
        """Whether every row has a SID."""
        return bool(self._number(_IS_DONE))

    def last_sent(self) -> float:
        """When the last row was marked as sent."""
        return self._number(_LAST_SENT)

    def _store(self, bodies: Sequence[str]) -> list[int]:
        phones = [texts.recipient(n) for n in range(len(bodies))]
        rows = self._conn.execute(_STORE, [phones, list(bodies)]).fetchall()
        return [id for (id,) in rows]

    def _publish(self, ids: Sequence[int]) -> None:
        with self._app.amqp.producer_pool.acquire(block=True) as producer:
            for id in ids:
                self._app.send_task("plain.send", args=[id], queue="plain", producer=producer)

    def _number(self, statement: LiteralString) -> float:
        row = self._conn.execute(statement).fetchone()
        return row[0] if row else 0.0
