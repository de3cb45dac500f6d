"""A sender without Celery: threads that claim jobs, send them and settle them, over and over.

Statements, claims, gateway and settling are those of our workers. It finds its jobs in their
table and leaves the entries of the queue where they are. `python -m` runs it until it is killed.
There may be several: one of their threads at a time looks for jobs, so that no two find the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock, Thread

from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import events, runtime
from messaging.domain.job import Claim, JobId, Lane
from messaging.garbage import collect_seldom
from messaging.postgres import connect
from messaging.postgres.bell import Bell
from messaging.postgres.named import query
from messaging.runtime import Runtime
from messaging.settings import current
from messaging.steps.claiming import claim
from messaging.steps.preparing import prepare_jobs
from messaging.steps.sending import send_claims
from messaging.steps.settling import settle

_QUIET = timedelta(seconds=1)
"""How long it waits for the bell when there is nothing to do."""
_LOCK = 1
"""Of those who may look for jobs; the database has no other advisory locks of one number."""
_PENDING = """
select id, prepared_at is not null
from public.message_jobs
where status = 'pending'
order by due_at
limit %s
"""


class Turn:
    """To look for jobs: one thread of all processes has it at a time."""

    def __init__(self, conn: Connection[TupleRow]) -> None:
        """The connection is for nothing else."""
        self._conn = conn
        self._of_process = Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for it; it is given back with the end of the block."""
        with self._of_process:
            self._conn.execute("select pg_advisory_lock(%s)", [_LOCK])
            try:
                yield
            finally:
                self._conn.execute("select pg_advisory_unlock(%s)", [_LOCK])


def main() -> None:
    """Send for ever."""
    events.configure(current())
    collect_seldom()
    rt = runtime.current()
    with connect.direct(rt.settings) as conn, connect.direct(rt.settings) as locks:
        conn.execute(query("queues", "listen"))
        bell, turn = Bell(conn, Lane.NORMAL, rt.stopping), Turn(locks)
        threads = [Thread(target=_send, args=(rt, bell, turn)) for _ in range(_threads(rt))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _threads(rt: Runtime) -> int:
    """Twice as many as fill the gateway: half of them claim and settle meanwhile."""
    return max(2, 2 * rt.settings.in_flight // rt.settings.chunk)


def _send(rt: Runtime, bell: Bell, turn: Turn) -> None:
    while True:
        with turn.taken():
            claims, write_before = _wait_for_claims(rt, bell)
        for attempts in send_claims(rt, claims, write_before):
            settle(rt, [attempt.outcome for attempt in attempts], None)


def _wait_for_claims(rt: Runtime, bell: Bell) -> tuple[Sequence[Claim], float]:
    """The next chunk of jobs, claimed, and when the last of them may begin to be written."""
    while True:
        if ids := _ready(rt):
            claims, write_before = claim(rt, ids)
            if claims:
                return claims, write_before
        bell.wait(_QUIET)


def _ready(rt: Runtime) -> list[JobId]:
    """Jobs to send next. Bare rows among them are prepared first."""
    with rt.db.connection() as conn:
        found = conn.execute(_PENDING, [rt.settings.chunk]).fetchall()
    prepared = prepare_jobs(rt, [JobId(id) for id, is_prepared in found if not is_prepared])
    return [JobId(id) for id, is_prepared in found if is_prepared or id in prepared]


if __name__ == "__main__":
    main()
