"""Claims and settles of several threads go in one statement, and no row of one holds the others."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.company import Company
from messaging.domain.answers import Accepted, Answer, Fault, Rejected
from messaging.domain.job import Claim, JobId, Lane, Sid
from messaging.domain.outcome import Outcome, outcome
from messaging.local.process import wait_until
from messaging.postgres import jobs
from messaging.runtime import Runtime
from messaging.steps.claiming import claim
from messaging.steps.settling import settle
from tests.integration.story import insert, kinds, row, take, work

Database = Connection[TupleRow]
T = TypeVar("T")
PATIENT = 30.0
"""Seconds. Nobody goes alone for having waited."""


@pytest.fixture
def patient(rt: Runtime) -> Runtime:
    return replace(rt, claims=Company(50, PATIENT), settles=Company(50, PATIENT))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@contextmanager
def together(
    company: Company[Any, Any], threads: ThreadPoolExecutor, *calls: Callable[[], T]
) -> Iterator[list[Future[T]]]:
    """These calls, begun so that they go together: somebody was at work when they came."""
    over = Event()

    def busy(_: Sequence[object]) -> list[object]:
        assert over.wait(PATIENT)
        return [None]

    leader = threads.submit(company.join, None, together=busy, alone=lambda _: None)
    callers: list[Future[T]] = []
    for call in calls:
        callers.append(threads.submit(call))
        assert wait_until(lambda: company.waiting == len(callers), limit=PATIENT)
    over.set()
    leader.result(PATIENT)
    yield callers


@contextmanager
def under_way(company: Company[Any, Any], threads: ThreadPoolExecutor) -> Iterator[None]:
    """Somebody is at work in this company, and has not done yet."""
    begun, over = Event(), Event()

    def busy(_: Sequence[object]) -> list[object]:
        begun.set()
        assert over.wait(PATIENT)
        return [None]

    leader = threads.submit(company.join, None, together=busy, alone=lambda _: None)
    assert begun.wait(PATIENT)
    yield
    over.set()
    leader.result(PATIENT)


def results(callers: Sequence[Future[T]]) -> list[T]:
    return [caller.result(PATIENT) for caller in callers]


def claimed(rt: Runtime, db: Database, count: int) -> list[Claim]:
    ids = [JobId(insert(db, message_content=f"n {n}")) for n in range(count)]
    take(rt)
    with rt.db.connection() as conn:
        found = {one.id: one for one in jobs.claim(conn, ids, timedelta(seconds=45))}
    return [found[id] for id in ids]


def came_to(rt: Runtime, one: Claim, answer: Answer) -> Outcome:
    return outcome(one, answer, rt.rules, rt.dice)


def accepted(rt: Runtime, one: Claim, number: int) -> Outcome:
    return came_to(rt, one, Accepted(sid=Sid(f"SM{number:032x}"), status="queued"))


def settling(rt: Runtime, outcome: Outcome) -> Callable[[], set[JobId]]:
    return lambda: settle(rt, [outcome], Lane.NORMAL.queue)


def statuses(db: Database, claims: Sequence[Claim]) -> list[str]:
    return [row(db, one.id).status for one in claims]


def test_each_caller_gets_its_own_claims_and_a_job_that_two_want_goes_to_one(
    patient: Runtime, db: Database, threads: ThreadPoolExecutor
) -> None:
    one, two, both = (JobId(insert(db, message_content=f"n {n}")) for n in range(3))
    take(patient)
    calls = [lambda: claim(patient, [one, both, one]), lambda: claim(patient, [both, two])]
    with together(patient.claims, threads, *calls) as callers:
        first, second = ([c.id for c in claims] for claims, _ in results(callers))
    assert ([one, both], [two]) == (first, second)
    assert {1} == {row(db, id).attempt for id in (one, two, both)}


def test_a_request_may_begin_for_as_long_after_a_claim_that_others_made(
    patient: Runtime, db: Database, threads: ThreadPoolExecutor
) -> None:
    id = JobId(insert(db))
    take(patient)
    before = patient.monotonic()
    with together(patient.claims, threads, lambda: claim(patient, [id])) as callers:
        _, write_before = callers[0].result(PATIENT)
    assert 0 <= write_before - before - patient.settings.send_deadline <= PATIENT
    assert write_before <= patient.monotonic() + patient.settings.send_deadline


def test_urgent_texts_go_out_while_others_are_being_claimed(
    patient: Runtime, db: Database, threads: ThreadPoolExecutor
) -> None:
    insert(db, priority=6)
    with under_way(patient.claims, threads):
        done = threads.submit(work, patient, Lane.URGENT).result(PATIENT / 2)
    assert {"sent": 1} == done.outcomes


def test_settles_go_together(patient: Runtime, db: Database, threads: ThreadPoolExecutor) -> None:
    claims = claimed(patient, db, 3)
    calls = [settling(patient, accepted(patient, one, n)) for n, one in enumerate(claims)]
    with together(patient.settles, threads, *calls) as callers:
        assert [set(), set(), set()] == results(callers)
    assert ["sent"] * 3 == statuses(db, claims)
    same_transaction = "select count(distinct xmin::text) from message_jobs"
    assert (1,) == db.execute(same_transaction).fetchone()


def test_a_row_that_somebody_holds_holds_nobody_else_up(
    patient: Runtime, db: Database, database_url: str, threads: ThreadPoolExecutor
) -> None:
    claims = claimed(patient, db, 3)
    calls = [settling(patient, accepted(patient, one, n)) for n, one in enumerate(claims)]
    with psycopg.connect(database_url) as somebody:
        somebody.execute("select from message_jobs where id = %s for update", [claims[1].id])
        with together(patient.settles, threads, *calls) as (first, held, third):
            assert [set(), set()] == results([first, third])
            assert ["sent", "processing", "sent"] == statuses(db, claims)
        somebody.rollback()
    assert set() == held.result(PATIENT)
    assert ["sent"] * 3 == statuses(db, claims)


def test_an_outcome_that_cannot_be_stored_sinks_nobody_else_s(
    patient: Runtime, db: Database, threads: ThreadPoolExecutor
) -> None:
    db.execute(
        "alter table message_jobs add constraint no_code check (error_code is distinct from 21211)"
    )
    claims = claimed(patient, db, 2)
    refused = Rejected(code=21211, message="no such number", fault=Fault.MESSAGE)
    calls = [
        settling(patient, came_to(patient, claims[0], refused)),
        settling(patient, accepted(patient, claims[1], 1)),
    ]
    with together(patient.settles, threads, *calls) as callers:
        assert [{claims[0].id}, set()] == results(callers)
    assert ["processing", "sent"] == statuses(db, claims)


def test_two_outcomes_of_one_job_are_written_one_after_the_other(
    patient: Runtime, db: Database, threads: ThreadPoolExecutor
) -> None:
    (one,) = claimed(patient, db, 1)
    calls = [settling(patient, accepted(patient, one, n)) for n in (1, 2)]
    with together(patient.settles, threads, *calls) as callers:
        assert sorted([{one.id}, set()], key=len) == sorted(results(callers), key=len)
    assert ["settled", "late_answer"] == kinds(db, one.id)
