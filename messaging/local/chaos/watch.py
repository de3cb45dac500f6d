"""Watches leases and claims while they last: the database forgets them, and recovery needs them."""

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Self

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.local.chaos.recovery import Holdings

_LOOK = 0.5
"""Seconds between two looks. What is held for a shorter time is not interrupted, but done."""
_LEASED = """
select job.id::text, extract(epoch from entry.vt)::float8 - %(lease)s::float8
from (
  select message, vt from pgmq.q_sms_queue
  union all
  select message, vt from pgmq.q_sms_priority_queue
) as entry
join public.message_jobs as job on job.id = (entry.message ->> 'job_id')::uuid
where entry.vt > clock_timestamp() + make_interval(secs => %(lease)s / 2) and job.status = 'pending'
"""
"""Of texts that wait to be sent: one that is in doubt keeps its entry, which is read at times. What
is put off for some seconds is not leased, and looks like a lease that is nearly over."""
_CLAIMED = """
select id::text, attempt, extract(epoch from claimed_at)::float8
from public.message_jobs
where status = 'processing'
"""


class Watch:
    """A thread that looks at the database until `with` ends."""

    def __init__(self, connect: Callable[[], Connection[TupleRow]], entry_lease: float) -> None:
        """`connect` may raise psycopg.Error; it is tried again. Leases last so many seconds."""
        self._connect = connect
        self._entry_lease = entry_lease
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._leases: defaultdict[str, set[float]] = defaultdict(set)
        self._claims: dict[tuple[str, int], float] = {}
        self.is_blind = False
        """Whether Postgres did not answer at the last look."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()

    def seen(self) -> Holdings:
        """All leases and claims that were seen; the thread may be adding others."""
        leases = {job: sorted(begun) for job, begun in dict(self._leases).items()}
        return Holdings(leases=leases, claims=dict(self._claims))

    def _run(self) -> None:
        while not self._closing.wait(_LOOK):
            try:
                with self._connect() as conn:
                    self._look(conn)
            except psycopg.Error:
                self.is_blind = True

    def _look(self, conn: Connection[TupleRow]) -> None:
        self.is_blind = False
        while not self._closing.wait(_LOOK):
            for job, begun in conn.execute(_LEASED, {"lease": self._entry_lease}):
                self._leases[job].add(begun)
            for id, attempt, claimed in conn.execute(_CLAIMED):
                self._claims[id, attempt] = claimed
