"""Processes that make the messages of series are killed with -9: each occurrence becomes one, once.

Each process makes messages further ahead than the one before, so each has new ones to make.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import Draft, recurring, runtime
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import wait_until
from messaging.postgres import hours
from messaging.settings import load
from tests.crash.gates import Gate, Gates, Moment, install
from tests.integration.databases import migrated, one

Database = Connection[TupleRow]
TO = "+4915123456789"
BODIES = ("Take your pills.", "Drink.")
OCCURRENCES = 40
HOURS = 6
"""How much further ahead each process looks."""
CALLER = """
import sys
from messaging import recurring, runtime
from messaging.settings import load
rt = runtime.build(load())
sys.stdin.readline()
recurring.recur(rt)
"""
INSERT, COMMIT = (
    Gate(change="insert", moment=moment, body=BODIES[1])
    for moment in (Moment.STATEMENT, Moment.COMMIT)
)
PLACES: list[Gate | str] = [
    INSERT, "messaging.occurrences", "messaging.series", COMMIT, INSERT, COMMIT,
]  # fmt: skip
"""Where each process is killed: as it makes the messages, as it writes down which they are, as it
writes down how far it is, and as it commits."""


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        install(url)
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def environment(environment: dict[str, str], url: str) -> dict[str, str]:
    return {**environment, "DATABASE_URL": url}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What is there: messages by text and time, and the rows that say which occurrence each is."""

    messages: tuple[tuple[str, datetime], ...]
    occurrences: int

    @classmethod
    def of(cls, db: Database) -> "Made":
        """As it stands."""
        rows = db.execute(
            "select message_content, scheduled_for at time zone 'UTC' from message_jobs "
            "order by 1, 2"
        ).fetchall()
        said = one(
            db,
            "select count(distinct o.job_id) from messaging.occurrences as o "
            "join messaging.series as s on s.id = o.series_id "
            "join message_jobs as j on j.id = o.job_id "
            "where j.scheduled_for = o.local_time at time zone 'UTC' "
            "and j.message_content = s.draft ->> 'message_content'",
        )
        return cls(messages=tuple((text, at) for text, at in rows), occurrences=int(str(said)))


@contextmanager
def caller(environment: dict[str, str], ahead: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that makes what comes within so many hours, once it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", CALLER],
        env={
            **environment,
            "PATH": "/usr/bin:/bin",
            "MESSAGING_SERIES_AHEAD": str(ahead * 3600),
        },
        stdin=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def begin(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.write(b"now\n")
    process.stdin.flush()


@contextmanager
def held(url: str, gates: Gates, place: Gate | str) -> Iterator[None]:
    """Whoever comes to this place waits until the block ends: a gate, or a table that is locked."""
    if isinstance(place, Gate):
        gates.shut(place)
        yield
        gates.open_all()
        return
    with psycopg.connect(url) as holding:
        holding.execute(f"lock table {place} in share mode".encode())
        yield


def waiting(db: Database) -> list[int]:
    """The backends that are held."""
    found = db.execute(
        "select pid from pg_stat_activity "
        "where datname = current_database() and wait_event_type = 'Lock'"
    )
    return [pid for (pid,) in found]


def is_gone(db: Database, backend: int) -> bool:
    """Whether Postgres has noticed that its process is dead."""
    found = db.execute("select from pg_stat_activity where pid = %s", [backend])
    return found.fetchone() is None


def add_series(db: Database, environment: dict[str, str]) -> datetime:
    """Two series, a message each hour; when they start, on UTC's clocks."""
    start = hours.now(db).replace(tzinfo=None, minute=30, second=0, microsecond=0)
    start += timedelta(hours=1)
    for body in BODIES:
        recurring.add(
            db,
            load(environment),
            Draft(to=TO, body=body),
            rule=f"FREQ=HOURLY;COUNT={OCCURRENCES}",
            starts_at=start,
            time_zone="UTC",
        )
    return start


def look_again(db: Database) -> None:
    db.execute("update messaging.series set look_at = now() where status = 'active'")


def test_each_occurrence_is_made_once_however_often_its_maker_is_killed(
    environment: dict[str, str], db: Database, url: str
) -> None:
    db.execute("set time zone 'UTC'")
    start = add_series(db, environment)
    rt = runtime.build(load(environment))
    with closing(Gates(url)) as gates, closing(rt), ExitStack() as stack:
        makers = [
            stack.enter_context(caller(environment, HOURS * number))
            for number in range(1, len(PLACES) + 1)
        ]
        for maker, place in zip(makers, PLACES, strict=True):
            look_again(db)
            before = Made.of(db)
            with held(url, gates, place):
                begin(maker)
                assert wait_until(lambda: len(waiting(db)) == 1, limit=60)
                (backend,) = waiting(db)
                assert 0 == recurring.recur(rt), "another one has what is under way"
                maker.kill()
                maker.wait()
            assert wait_until(lambda: is_gone(db, backend), limit=10)  # noqa: B023
            after = Made.of(db)
            assert (place is COMMIT) == (len(after.messages) > len(before.messages))
            assert len(after.messages) == after.occurrences, "all of a series' step, or nothing"
        look_again(db)
        recurring.recur(rt)
    whole = tuple(
        (body, start + timedelta(hours=n)) for body in sorted(BODIES) for n in range(OCCURRENCES)
    )
    assert Made(messages=whole, occurrences=len(whole)) == Made.of(db)
    assert [("ended",)] == db.execute("select distinct status from messaging.series").fetchall()
