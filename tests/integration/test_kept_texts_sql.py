"""Texts that Twilio keeps: a receipt that says just that settles nothing; a recall may be late."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from messaging.domain.job import JobId, Sid, Status
from messaging.domain.outcome import Outcome
from messaging.domain.receipt import Receipt
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import jobs, kept, messages
from messaging.postgres.kept import Recall
from tests.integration.databases import SID, Database, force, migrated, one, rolled_back
from tests.integration.story import row

LATER = "2090-01-01 12:00:00+00"


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def in_doubt(db: Database, status: str = "in_doubt") -> JobId:
    """A job whose hand-over to Twilio was not answered, after a receipt that Twilio keeps it."""
    id = JobId(force(db, status, attempt=1, scheduled_for=LATER))
    by_twilio = Receipt(sid=Sid(SID), status="scheduled", job_id=id, attempt=1)
    assert [SID] == [recorded.sid for recorded in messages.record_receipts(db, [by_twilio])]
    return id


@pytest.mark.parametrize("status", ["processing", "in_doubt", "held"])
def test_a_job_without_a_sid_gets_none_from_it(db: Database, status: str) -> None:
    job = row(db, in_doubt(db, status))
    assert (status, None, None) == (job.status, job.twilio_sid, job.delivery_status)


def test_twilios_list_still_settles_the_job(db: Database) -> None:
    id = in_doubt(db)
    found = Outcome(
        job_id=id,
        attempt=1,
        status=Status.SCHEDULED,
        twilio_sid=Sid(SID),
        delivery_status="scheduled",
        handed_over=True,
        kind="reconciled",
    )
    assert {id} == jobs.settle(db, [found], queue=None)


def test_a_receipt_that_it_went_out_still_settles_the_job(db: Database) -> None:
    id = in_doubt(db)
    messages.record_receipts(db, [Receipt(sid=Sid(SID), status="sent", job_id=id, attempt=1)])
    assert ("sent", SID) == (row(db, id).status, row(db, id).twilio_sid)


def test_a_recall_that_comes_after_the_receipt_leaves_the_sent_job_alone(db: Database) -> None:
    id = JobId(force(db, "sent", twilio_sid=SID, recall="cancel", due_at=None))
    late = Recall(id=id, twilio_sid=Sid(SID), recall="cancel")
    assert set() == kept.recall_too_late(db, [late], timedelta(minutes=5))
    assert one(db, "select due_at is null from message_jobs where id = %s", id)
