"""The model's statements do to a row what Postgres does to it: the same rows go through both."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product

import pytest
from psycopg.errors import CheckViolation

from messaging.domain.doubt import CLEAN_READS
from messaging.domain.job import InDoubtPolicy, JobId
from messaging.domain.outcome import MAX_RESENDS
from messaging.domain.receipt import Receipt
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import jobs, messages
from messaging.postgres.named import query
from tests.integration.databases import Database, migrated, rolled_back
from tests.model import statements
from tests.model.decisions import ALTERED, ANSWERS, OWN, WITHOUT, come_to, verdict
from tests.model.rows import ATTEMPT, outcome, put, sid, standing
from tests.model.rules import MAX_RETRIES, Rules
from tests.model.state import (
    CANCELED,
    FAILED,
    HELD,
    IN_DOUBT,
    NONE,
    NOTHING,
    PENDING,
    PROCESSING,
    RETRYING,
    SENT,
    Job,
    Written,
)

RULES = Rules()
STATUSES = (PENDING, PROCESSING, RETRYING, IN_DOUBT, HELD, SENT, FAILED, CANCELED)
JOBS = tuple(
    Job(status=status, recall=recall, sid=sid, resends=resends, entry=NONE)
    for status, recall, sid, resends in product(STATUSES, (False, True), (False, True), (0, 1))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement in Postgres and in the model, and the statuses that it is about."""

    real: Callable[[Database, Sequence[JobId]], object]
    model: Callable[[Job], Job | None]
    about: Sequence[str] = STATUSES


def clean_read(db: Database, id: JobId, attempt: int, *, after: int = 0) -> object:
    values = {"id": id, "attempt": attempt, "clean_reads": after, "wait": timedelta(0)}
    return db.execute(query("doubts", "note_clean_read"), values)


def resolve_as(decision: str) -> Statement:
    def real(db: Database, ids: Sequence[JobId]) -> None:
        for id in ids:
            values = [id, decision, sid(id) if decision == "sent" else None]
            db.execute("select messaging.resolve(%s, %s, %s)", values)

    return Statement(real=real, model=lambda job: statements.resolve(RULES, job, decision))


def callback(id: JobId) -> Receipt:
    return Receipt(sid=sid(id), status="delivered", job_id=id, attempt=ATTEMPT)


STATEMENTS = {
    "claim": Statement(
        real=lambda db, ids: jobs.claim(db, ids, timedelta(0)),
        model=lambda job: statements.claim(RULES, job),
    ),
    "sweep_processing": Statement(
        real=lambda db, _: jobs.sweep_processing(db),
        model=lambda job: statements.sweep(RULES, job),
        about=[PROCESSING],
    ),
    "promote": Statement(
        real=lambda db, _: jobs.promote(db, 1000),
        model=lambda job: statements.promote(RULES, job),
        about=[RETRYING],
    ),
    "restore_entries": Statement(
        real=lambda db, _: jobs.restore_entries(db, timedelta(0)),
        model=statements.restore_entry,
        about=[PENDING],
    ),
    "cancel": Statement(
        real=lambda db, ids: [messages.cancel(db, id) for id in ids],
        model=lambda job: statements.cancel(RULES, job),
    ),
    "record_receipts": Statement(
        real=lambda db, ids: messages.record_receipts(db, [callback(id) for id in ids]),
        model=lambda job: statements.record_receipt(RULES, job),
    ),
    "resolve as sent": resolve_as("sent"),
    "resolve as resend": resolve_as("resend"),
    "resolve as cancel": resolve_as("cancel"),
    "note_clean_read": Statement(
        real=lambda db, ids: [clean_read(db, id, ATTEMPT) for id in ids],
        model=lambda job: statements.note_clean_read(job, last=True),
    ),
    "note_clean_read of an earlier attempt": Statement(
        real=lambda db, ids: [clean_read(db, id, ATTEMPT - 1) for id in ids],
        model=lambda job: statements.note_clean_read(job, last=False),
    ),
    "note_clean_read of a read that was counted already": Statement(
        real=lambda db, ids: [clean_read(db, id, ATTEMPT, after=-1) for id in ids],
        model=lambda job: job,
    ),
}


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def writings() -> set[Written]:
    """Everything that a settle may be asked to write, under every policy."""
    found = set()
    for policy, retries, resends in product(
        InDoubtPolicy, range(MAX_RETRIES + 1), range(MAX_RESENDS + 1)
    ):
        rules = Rules(policy=policy)
        found |= {come_to(word, rules, retries, resends) for word in ANSWERS}
        found |= {
            verdict(seen, rules, age, resends, CLEAN_READS - 1)
            for seen, age in product((WITHOUT, OWN, ALTERED), (0, rules.times.quiescence))
        }
    return found - {NOTHING}


Case = tuple[Job, Written, bool]
"""A row, what is written to it, and whether by the last attempt."""


def cases() -> list[Case]:
    """Every row with everything that a settle may be asked to write to it, early, late or again."""
    return [
        (job, written, last)
        for job, written, last in product(JOBS, sorted(writings()), (True, False))
        if not written.reconciled or written.resends in (-1, job.resends + 1)
    ]


def settled(case: Case) -> Job | None:
    """The row after the model's settle; None where the model says that Postgres refuses it."""
    job, written, last = case
    try:
        return statements.settle(RULES, job, written, last=last, fresh=False)
    except statements.Refused:
        return None


def settle(db: Database, given: Sequence[Case]) -> None:
    ids = put(db, [job for job, _, _ in given])
    outcomes = [
        outcome(id, written, last=last) for id, (_, written, last) in zip(ids, given, strict=True)
    ]
    jobs.settle(db, outcomes, None)


def differences(db: Database, before: Sequence[Job], after: Sequence[Job]) -> list[object]:
    """Rows that Postgres changed in another way than the model: before, the model's, its own."""
    rows = zip(before, after, standing(db), strict=True)
    return [(was, model, real) for was, model, real in rows if model != real]


def test_settle_writes_what_the_model_writes(db: Database) -> None:
    given = [(case, job) for case in cases() if (job := settled(case)) is not None]
    settle(db, [case for case, _ in given])
    before, after = [case[0] for case, _ in given], [job for _, job in given]
    assert [] == differences(db, before, after)
    assert before != after


def test_settle_is_refused_where_the_model_refuses_it(db: Database) -> None:
    refused = [case for case in cases() if settled(case) is None]
    assert refused
    for case in refused:
        with pytest.raises(CheckViolation), db.transaction():
            settle(db, [case])


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_changes_what_the_models_changes(db: Database, name: str) -> None:
    statement = STATEMENTS[name]
    ids = put(db, JOBS)
    statement.real(db, ids)
    after = [statement.model(job) if job.status in statement.about else job for job in JOBS]
    expected = [
        job if changed is None else changed for job, changed in zip(JOBS, after, strict=True)
    ]
    assert [] == differences(db, JOBS, expected)
