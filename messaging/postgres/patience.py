"""Patience: how long a statement for several callers waits for a lock that somebody else has."""

from psycopg import Connection
from psycopg.rows import TupleRow

PATIENCE = "1s"
"""One locked row must not hold up everybody who went along with its caller."""


def be_patient(conn: Connection[TupleRow]) -> None:
    """Has this transaction give up waiting for a lock after PATIENCE, with LockNotAvailable."""
    conn.execute("select set_config('lock_timeout', %s, true)", [PATIENCE])
