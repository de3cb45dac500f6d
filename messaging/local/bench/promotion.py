"""Promotion: scheduled texts that become due at one instant, and get their queue entries."""

import time
from collections.abc import Sequence

from psycopg import Connection
from psycopg.rows import TupleRow
from pydantic import SecretStr

from messaging import events, runtime
from messaging.errors import Unreachable
from messaging.local.bench import texts
from messaging.local.bench.figures import Figure
from messaging.local.bench.site import Site
from messaging.postgres.migrate import migrate
from messaging.promotion import promote
from messaging.runtime import Runtime

_DATABASE = "promotion"
"""Of its own: nobody sends what is in it."""
_WARM_UP = 200
_EMPTY = """
truncate public.message_jobs;
truncate pgmq.q_sms_queue;
"""
_SCHEDULE = """
insert into public.message_jobs
  (recipient_phone, message_content, status, scheduled_for, prepared_at)
select phone, body, 'scheduled', now() + make_interval(days => %s), now()
from unnest(%s::text[], %s::text[]) as given (phone, body)
"""
_ANALYZE = "analyze public.message_jobs"
_IN_QUEUE = "select count(*) from pgmq.q_sms_queue"
_MONTH = 30


def measure(site: Site, runs: int, count: int) -> list[Figure]:
    """Rows a second, alone and beside as many that are due next month, and how long all take.

    Raises Unreachable where a row is not promoted or has no queue entry.
    """
    migrate(site.new_database(_DATABASE))
    url = SecretStr(site.url_of(_DATABASE))
    # INFO has a line for each promotion.
    changed = {"database_url": url, "log_level": "WARNING"}
    rt = runtime.build(site.settings.model_copy(update=changed))
    events.configure(rt.settings)
    site.on_close(rt.close)
    conn = site.connect(_DATABASE)
    _seconds(rt, conn, min(count, _WARM_UP), 0)
    alone, beside = [], []
    for _ in range(runs):
        alone.append(_seconds(rt, conn, count, 0))
        beside.append(_seconds(rt, conn, count, count))
    return figures(count, alone, beside)


def figures(count: int, alone: Sequence[float], beside: Sequence[float]) -> list[Figure]:
    """The figures of runs that took so many seconds."""
    return [
        _rates("rows", count, alone),
        _rates("rows, as many for next month", count, beside),
        Figure(
            part="promotion",
            name=f"all {count:,} rows",
            unit="ms",
            ours=[1000 * seconds for seconds in alone],
            is_more_better=False,
        ),
    ]


def _rates(name: str, count: int, runs: Sequence[float]) -> Figure:
    rates = [count / seconds for seconds in runs]
    return Figure(part="promotion", name=name, unit="/s", ours=rates)


def _seconds(rt: Runtime, conn: Connection[TupleRow], due: int, later: int) -> float:
    """How long it takes until none of so many due rows is left."""
    conn.execute(_EMPTY)
    _schedule(conn, later, _MONTH)
    _schedule(conn, due, 0)
    conn.execute(_ANALYZE)
    promoted = 0
    began = time.perf_counter()
    while batch := promote(rt):
        promoted += batch
    seconds = time.perf_counter() - began
    row = conn.execute(_IN_QUEUE).fetchone()
    if (due, (due,)) != (promoted, row):
        raise Unreachable(f"Of {due} rows that were due, {promoted} were promoted.")
    return seconds


def _schedule(conn: Connection[TupleRow], count: int, days: int) -> None:
    phones = [texts.recipient(n) for n in range(count)]
    conn.execute(_SCHEDULE, [days, phones, [texts.body(n) for n in range(count)]])
