"""Sides with several processes: all of them are at work when it begins, and count."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread

import pytest
from celery import Celery

from messaging.local.bench import sending
from messaging.local.bench.contender import Contender
from messaging.local.bench.floor import DATABASE, Floor
from messaging.local.bench.ours import Ours
from messaging.local.bench.plain import Plain
from messaging.local.bench.procrastination import WORKERS, Procrastinate
from messaging.local.bench.sender import Turn
from messaging.local.bench.site import STAND_IN, Site
from messaging.local.throwaway import new_folder

_TEXTS = 20
_LISTENERS = """
select count(*) from pg_stat_activity
where datname = current_database() and query ilike 'listen %'
"""
_WAITERS = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
_LIMIT = 10.0


@pytest.fixture
def site() -> Iterator[Site]:
    """A place with servers, and with nothing that sends."""
    with (
        new_folder("processes") as folder,
        Site(folder, timedelta(0), stands_for_twilio=STAND_IN, connections=300) as started,
    ):
        yield started


def ours(site: Site) -> Ours:
    """Ours, with two workers."""
    started = Ours(site)
    started.have(2)
    return started


def that_answer(prefix: str) -> Callable[[Site], int]:
    """How many of Celery's workers whose names begin so answer now."""

    def count(site: Site) -> int:
        with Celery("test", broker=site.valkey.url, set_as_current=False) as app:
            signs = app.control.ping(timeout=1.0)
        return sum(name.startswith(prefix) for sign in signs for name in sign)

    return count


def that_listen(site: Site) -> int:
    """How many senders without Celery listen now."""
    row = site.connect(DATABASE).execute(_LISTENERS).fetchone()
    return row[0] if row else 0


def that_are_noted(site: Site) -> int:
    """How many processes of procrastinate have all of their workers in its table now."""
    conn = site.connect("procrastinate")
    row = conn.execute("select count(*) from procrastinate_workers").fetchone()
    return row[0] // WORKERS if row else 0


@dataclass(frozen=True, kw_only=True)
class Side:
    """How it starts, how many of its processes are at work, and what they are called."""

    start: Callable[[Site], Contender]
    at_work: Callable[[Site], int]
    senders: tuple[str, str]
    others: int = 0
    """Processes that do not send, besides Postgres and Valkey."""


SIDES = {
    "messaging": Side(
        start=ours, at_work=that_answer("worker-"), senders=("worker", "worker-2"), others=2
    ),
    "plain Celery": Side(
        start=lambda site: Plain(site, 2),
        at_work=that_answer("plain-"),
        senders=("plain-celery", "plain-celery-2"),
    ),
    "no Celery": Side(
        start=lambda site: Floor(site, 2), at_work=that_listen, senders=("floor", "floor-2")
    ),
    "procrastinate": Side(
        start=lambda site: Procrastinate(site, 2),
        at_work=that_are_noted,
        senders=("procrastinate", "procrastinate-2"),
    ),
}


@pytest.mark.parametrize("name", SIDES)
def test_both_processes_of_a_side_are_at_work_count_and_send(site: Site, name: str) -> None:
    side = SIDES[name]
    started = side.start(site)
    assert (name, 2) == (started.name, side.at_work(site))
    assert {site.pid(sender) for sender in side.senders} <= set(started.pids)
    assert 2 + side.others + 2 == len(set(started.pids))
    sending.send(site, started, _TEXTS)
    site.kill(side.senders[0])
    with started.handing_over(_TEXTS):
        pass
    sending.wait_until_sent(site, started, _TEXTS)
    assert 2 * _TEXTS == len(list(site.twilio.ledger()))


def test_only_one_sender_without_celery_looks_for_jobs_at_a_time(site: Site) -> None:
    looker = site.connect("postgres")
    turns = [Turn(site.connect("postgres")) for _ in range(2)]
    order: list[str] = []

    def look() -> None:
        with turns[1].taken():
            order.append("second")

    other = Thread(target=look)
    with turns[0].taken():
        other.start()
        site.wait_until(lambda: looker.execute(_WAITERS).fetchone() == (1,), _LIMIT, "it waits")
        order.append("first")
    other.join()
    assert ["first", "second"] == order


def test_postgres_takes_as_many_connections_as_it_is_told(site: Site) -> None:
    assert ("300",) == site.connect("postgres").execute("show max_connections").fetchone()
