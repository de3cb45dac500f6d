"""Idling: what the processes cost while there is nothing to send."""

import time
from datetime import timedelta

from messaging.local.bench import processor
from messaging.local.bench.figures import Figure
from messaging.local.bench.site import Site
from messaging.local.processes import BEAT, BRIDGE, WEB, WORKER

_BEFORE = 25.0
"""Seconds."""
_COUNTED = """
select xact_commit + xact_rollback
from pg_stat_database
where datname = 'messaging'
"""


def measure(site: Site, time_to_watch: timedelta) -> list[Figure]:
    """The share of one core of all processes, and transactions a second in Postgres.

    A transaction of ours is one statement, nearly always. Sessions report what they did within
    10 s (PGSTAT_IDLE_INTERVAL, pgstat.c), and at the start each run has two that last 20 s: hence
    the wait before. Whoever watches for as long as a run lasts sees one of each begin.
    """
    time.sleep(_BEFORE)
    # From another database, whose own transactions are counted apart.
    conn = site.connect("postgres")
    pids = site.pids(*(command.name for command in (WEB, WORKER, BRIDGE, BEAT)))

    def counted() -> tuple[float, float, int]:
        row = conn.execute(_COUNTED).fetchone()
        return time.monotonic(), processor.used(pids), int(row[0]) if row else 0

    began, used, transactions = counted()
    time.sleep(time_to_watch.total_seconds())
    ended, used_then, transactions_then = counted()
    seconds = ended - began
    return [
        _figure("CPU, of one core", "%", 100 * (used_then - used) / seconds),
        _figure("transactions", "/s", (transactions_then - transactions) / seconds),
    ]


def _figure(name: str, unit: str, value: float) -> Figure:
    return Figure(part="idle", name=name, unit=unit, ours=[value], is_more_better=False)
