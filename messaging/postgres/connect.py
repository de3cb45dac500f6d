"""Connections to Postgres, fit for transaction poolers: nothing prepared, no session state."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.abc import PQGen
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from messaging.postgres import far_times
from messaging.postgres.named import query
from messaging.settings import Settings

T = TypeVar("T")

OPTIONS: dict[str, Any] = {
    "prepare_threshold": None,
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "messaging",
    "context": far_times.reading(),
}
"""A server that vanishes is noticed within half a minute, not after the kernel's two hours.

Keepalives say nothing while sent bytes are unacknowledged; tcp_user_timeout (ms) does.
"""
AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    psycopg.errors.ReadOnlySqlTransaction,
)
"""Postgres is gone, full, has no connection left or, after a failover, takes no writes: later."""
REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.RaiseException)
"""Postgres, or a trigger of the database's owner, refuses one row; the next may do."""

_LOOKS = 5
"""How often two connections are asked whose session they have: others may be in between."""
_OFTEN = 5
"""From then on a statement of such a connection is prepared: no pooler is in between."""
_MOST_BELLS = 16
"""As many as a bridge has threads: two lanes, of each the run that is over and the next one."""
_GIVE_UP_CONNECTING = 3.0
"""Seconds. The pool doubles the pause between its tries, so that after an outage of a minute it
would sleep for another one; when it gives up early, the next caller makes it try at once."""


def pool(settings: Settings) -> ConnectionPool[Connection[TupleRow]]:
    """A pool that opens its connections when they are first wanted."""
    made: ConnectionPool[Connection[TupleRow]]

    def check(conn: Connection[TupleRow]) -> None:
        try:
            if not is_quiet(conn.fileno()):
                ConnectionPool.check_connection(conn)
        except psycopg.Error:
            made.drain()
            raise

    made = ConnectionPool(
        settings.database_url.get_secret_value(),
        kwargs=OPTIONS,
        min_size=0,
        max_size=settings.database_pool_size,
        timeout=10,
        max_idle=60,
        check=check,
        reconnect_timeout=_GIVE_UP_CONNECTING,
        open=True,
        name="messaging",
    )
    return made


@contextmanager
def single(pool: ConnectionPool[Connection[TupleRow]]) -> Iterator[Connection[TupleRow]]:
    """A connection on which each statement is a transaction of its own: for looks that are taken
    again and again, and that find nothing. It spares them two round trips of three."""
    with pool.connection() as conn:
        conn.autocommit = True
        try:
            yield conn
        finally:
            if not conn.closed:
                conn.autocommit = False


def bells(settings: Settings) -> ConnectionPool[Connection[TupleRow]]:
    """A pool of connections past any pooler, for LISTEN and advisory locks; autocommit. It is to be
    opened by whoever uses it first: most processes never do.

    Each run of the bridge takes one, and gives it back without its locks. To connect for each run
    was a tenth of what an idle installation cost.
    """
    return ConnectionPool(
        settings.direct_url,
        connection_class=Calm,
        kwargs={**OPTIONS, "autocommit": True, "prepare_threshold": _OFTEN},
        min_size=0,
        max_size=_MOST_BELLS,
        timeout=10,
        max_idle=60,
        check=ConnectionPool.check_connection,
        reset=_forget,
        reconnect_timeout=_GIVE_UP_CONNECTING,
        num_workers=1,
        open=False,
        name="messaging-bells",
    )


def _forget(conn: Connection[TupleRow]) -> None:
    """The session is given back as it was. Where that fails, the pool ends it."""
    conn.execute("select pg_advisory_unlock_all()")
    conn.execute("unlisten *")


def async_pool(settings: Settings) -> AsyncConnectionPool[AsyncConnection[TupleRow]]:
    """The same for asyncio; the caller opens it."""
    made: AsyncConnectionPool[AsyncConnection[TupleRow]]

    async def check(conn: AsyncConnection[TupleRow]) -> None:
        try:
            if not is_quiet(conn.fileno()):
                await AsyncConnectionPool.check_connection(conn)
        except psycopg.Error:
            await made.drain()
            raise

    made = AsyncConnectionPool(
        settings.database_url.get_secret_value(),
        kwargs=OPTIONS,
        min_size=0,
        max_size=settings.database_pool_size,
        timeout=5,
        max_idle=60,
        check=check,
        reconnect_timeout=_GIVE_UP_CONNECTING,
        open=False,
        name="messaging-web",
    )
    return made


def is_quiet(descriptor: int) -> bool:
    """Whether nothing has come on an idle connection, asked of the kernel.

    What comes there is mostly its end: the server was stopped, or the connection reset. A question
    to the server would tell no more, and cost each transaction a round trip.
    """
    arrivals = select.poll()
    arrivals.register(descriptor, select.POLLIN)
    return not arrivals.poll(0)


def direct(settings: Settings) -> Connection[TupleRow]:
    """A connection of its own, past any pooler, for LISTEN and advisory locks; autocommit."""
    return Calm.connect(settings.direct_url, autocommit=True, **OPTIONS)


class Calm(Connection[TupleRow]):
    """Waits for the server and looks up once a second, for Ctrl-C; psycopg does ten times."""

    def wait(self, gen: PQGen[T], interval: float = 1.0, timeout: float | None = None) -> T:
        """What the generator comes to."""
        return super().wait(gen, interval, timeout)


def is_shared(url: str) -> bool:
    """Whether connections to this address share sessions, as a transaction pooler has them do.

    Two of them, one after the other, then meet the same server process, or different ones.
    """
    with (
        psycopg.connect(url, autocommit=True, **OPTIONS) as one,
        psycopg.connect(url, autocommit=True, **OPTIONS) as other,
    ):
        ones, others = zip(*[(_session(one), _session(other)) for _ in range(_LOOKS)], strict=True)
    return len(set(ones)) > 1 or len(set(others)) > 1 or ones[0] == others[0]


def _session(conn: Connection[TupleRow]) -> int:
    row = conn.execute(query("queues", "session")).fetchone()
    return int(row[0]) if row else 0
