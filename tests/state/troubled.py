"""Connections that break at a commit: before Postgres has heard of it, or before its answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from messaging.local.process import wait_until
from messaging.postgres.jobs import Postgres


class Moment(StrEnum):
    """When a connection breaks, as its client sees it: the same error in both cases."""

    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The connection that makes the `nth` commit from now on breaks at this moment."""

    nth: int
    moment: Moment


class Breaks:
    """Which commit breaks next, if any.

    It has a connection of its own: what breaks may hold what another thread waits for on the
    run's connection.
    """

    def __init__(self, database_url: str) -> None:
        self._db: Postgres = psycopg.connect(database_url, autocommit=True)
        self._coming: Break | None = None
        self._commits = 0
        self.broke: Moment | None = None

    @contextmanager
    def armed(self, coming: Break | None) -> Iterator[None]:
        """Within, the break comes; `broke` says afterwards whether it did."""
        self._coming, self._commits, self.broke = coming, 0, None
        try:
            yield
        finally:
            self._coming = None

    def at_commit(self) -> Moment | None:
        """Counts a commit; when its connection breaks, if it does."""
        self._commits += 1
        if self._coming is None or self._commits != self._coming.nth:
            return None
        self.broke = self._coming.moment
        return self.broke

    def kill(self, backend: int) -> None:
        """Ends the server's side of a connection, with all that it has not committed."""
        self._db.execute("select pg_terminate_backend(%s)", [backend])
        # Its own wait, the second argument, looks every 100 ms only.
        lives = "select exists (select from pg_stat_get_activity(%s))"
        assert wait_until(lambda: not self._is(lives, backend), limit=10)

    def close(self) -> None:
        """Nothing breaks any more."""
        self._db.close()

    def _is(self, question: str, backend: int) -> bool:
        row = self._db.execute(question.encode(), [backend]).fetchone()
        return row is not None and bool(row[0])


class TroubledConnection(Connection[TupleRow]):
    """A connection of the product's pool, which breaks when it is told to."""

    breaks: Breaks

    def commit(self) -> None:
        """Commits, unless the connection breaks before; raises OperationalError if it breaks."""
        if self.info.transaction_status == TransactionStatus.IDLE:
            super().commit()
            return
        moment = self.breaks.at_commit()
        if moment is Moment.BEFORE_COMMIT:
            self.breaks.kill(self.info.backend_pid)
        super().commit()
        if moment is Moment.AFTER_COMMIT:
            self.close()
            raise psycopg.OperationalError("the connection is lost, and the answer with it")
