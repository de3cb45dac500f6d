"""Handing over: rows a second, through the Python API and through SQL."""

import time
from collections.abc import Callable, Iterator

from psycopg import Connection
from psycopg.rows import TupleRow
from pydantic import SecretStr

from messaging import runtime
from messaging.domain.job import JobId
from messaging.errors import Unreachable
from messaging.local.bench import texts
from messaging.local.bench.figures import Figure
from messaging.local.bench.site import Site
from messaging.outbox import Messaging
from messaging.postgres.migrate import migrate
from messaging.steps.preparing import prepare_jobs

_DATABASE = "enqueuing"
"""Of its own: nobody sends what is in it."""
_BATCH = 1000
_WARM_UP = 200
_INSERT = """
insert into public.message_jobs (recipient_phone, message_content)
select * from unnest(%s::text[], %s::text[])
returning id
"""


def measure(site: Site, runs: int, count: int) -> list[Figure]:
    """Rows a second with the journal, the queue entries and a commit for each thousand."""
    migrate(site.new_database(_DATABASE))
    ways = (
        ("enqueue_many", _through_python(site)),
        ("insert", _through_sql(site)),
        ("insert, and prepared", _prepared(site)),
    )
    for _, way in ways:
        way(min(count, _WARM_UP))
    return [
        Figure(
            part="enqueue",
            name=f"rows by {name}",
            unit="/s",
            ours=[_rate(way, count) for _ in range(runs)],
        )
        for name, way in ways
    ]


def _through_python(site: Site) -> Callable[[int], None]:
    """Every draft is checked, its number normalised, and its answer looked at."""
    url = SecretStr(site.url_of(_DATABASE))
    messaging = Messaging(site.settings.model_copy(update={"database_url": url}))
    site.on_close(messaging.close)

    def enqueue(count: int) -> None:
        answers = messaging.enqueue_many(texts.drafts(count))
        if any(answer.result != "created" for answer in answers):
            raise Unreachable("A text to measure with was not taken.")

    return enqueue


def _through_sql(site: Site) -> Callable[[int], None]:
    """Bare rows, as a program in another language stores them."""
    conn = site.connect(_DATABASE)

    def insert(count: int) -> None:
        for _ in _inserted(conn, count):
            pass

    return insert


def _prepared(site: Site) -> Callable[[int], None]:
    """The same, and what the bridge does with them before they are handed to workers."""
    conn = site.connect(_DATABASE)
    url = SecretStr(site.url_of(_DATABASE))
    rt = runtime.build(site.settings.model_copy(update={"database_url": url}))
    site.on_close(rt.close)

    def prepare(count: int) -> None:
        ready = sum(len(prepare_jobs(rt, ids)) for ids in _inserted(conn, count))
        if ready != count:
            raise Unreachable(f"Of {count} bare rows, {ready} were prepared.")

    return prepare


def _inserted(conn: Connection[TupleRow], count: int) -> Iterator[list[JobId]]:
    for start in range(0, count, _BATCH):
        numbers = range(start, min(start + _BATCH, count))
        phones = [texts.recipient(n) for n in numbers]
        rows = conn.execute(_INSERT, [phones, [texts.body(n) for n in numbers]]).fetchall()
        yield [JobId(id) for (id,) in rows]


def _rate(way: Callable[[int], None], count: int) -> float:
    began = time.perf_counter()
    way(count)
    return count / (time.perf_counter() - began)
