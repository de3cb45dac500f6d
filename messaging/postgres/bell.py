"""The bridge's turn on a lane, and the bell that wakes it: one connection past any pooler."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from messaging.domain.job import Lane
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query
from messaging.stopping import Stopping

_LOCKS = {Lane.URGENT: 0x6D73670001, Lane.NORMAL: 0x6D73670002}


class Bell:
    """Rings when entries have been put into a lane's queue."""

    def __init__(self, conn: Postgres, lane: Lane, stopping: Stopping) -> None:
        self._conn = conn
        self._queue = lane.queue
        self._stopping = stopping

    def wait(self, longest: timedelta) -> bool:
        """Waits for new entries in this lane; False where none came in that time, or before this
        process was to stop."""
        if self._has_rung():
            return True
        # psycopg's own waiting looks up ten times a second.
        arrivals = select.poll()
        for ear in (self._conn, self._stopping):
            arrivals.register(ear, select.POLLIN)
        return bool(arrivals.poll(longest.total_seconds() * 1000)) and self._has_rung()

    def is_needless(self) -> bool:
        """Whether the queue has no entries at all, not even leased ones: only a new one, for which
        it rings, is a reason to look."""
        row = self._conn.execute(query("queues", "is_empty"), {"queue": self._queue}).fetchone()
        return bool(row and row[0])

    def _has_rung(self) -> bool:
        """Takes all notices that have come; whether one was about this lane."""
        notices = list(self._conn.notifies(timeout=0))
        return any(notice.payload == self._queue for notice in notices)


@contextmanager
def turn(
    bells: ConnectionPool[Connection[TupleRow]], lane: Lane, patience: timedelta, stopping: Stopping
) -> Iterator[Bell | None]:
    """The lane's bell, for the only bridge at work on it; None where another one keeps it."""
    bells.open()
    with bells.connection() as conn:
        conn.execute(
            query("queues", "be_patient"),
            {"patience": f"{max(1, round(patience.total_seconds() * 1000))}ms"},
        )
        try:
            conn.execute(query("queues", "take_turn"), {"lock": _LOCKS[lane]})
        except LockNotAvailable:
            yield None
            return
        conn.execute(query("queues", "listen"))
        yield Bell(conn, lane, stopping)
