"""Signs of life: one function for each named query of `sql/heartbeats.sql`."""

from collections.abc import Sequence
from datetime import timedelta

from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


def beat_heart(
    conn: Postgres, process: str, roles: Sequence[str], clock: float, rest: timedelta | None
) -> bool:
    """Writes a sign of life; whether this process is to look at alerts now.

    `clock` is this machine's, in seconds since 1970. `rest` is how long nobody must have looked;
    with None the process asks for no turn.
    """
    values = {"process": process, "roles": list(roles), "clock": clock, "rest": rest}
    row = conn.execute(query("heartbeats", "beat_heart"), values).fetchone()
    return bool(row and row[0])


def forget(conn: Postgres, processes: Sequence[str]) -> None:
    """Takes processes off the list that have ended."""
    conn.execute(query("heartbeats", "forget"), {"processes": list(processes)})


def forget_replaced(conn: Postgres, after: timedelta, fresh: timedelta) -> None:
    """Forgets those that were silent for longer than `after` while another of their kind lives."""
    conn.execute(query("heartbeats", "forget_replaced"), {"after": after, "fresh": fresh})
