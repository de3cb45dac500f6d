"""messaging.record_receipts: forward only, whatever the order, and only with proof."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
from psycopg.rows import class_row

from messaging.domain.job import JobId, Sid, Status
from messaging.domain.outcome import Outcome
from messaging.domain.receipt import RANK, Receipt, outranks
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import jobs, kept, messages
from tests.integration.databases import (
    SID,
    Database,
    force,
    migrated,
    one,
    rolled_back,
)
from tests.integration.story import insert, kinds

T = TypeVar("T")
OTHER = "SM" + "f" * 32
WORDS = ("queued", "sent", "delivered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What receipts may change in a job."""

    status: str
    twilio_sid: str | None
    delivery_status: str | None
    error_code: int | None
    is_delivered: bool
    is_due: bool


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def receipt(
    status: str, job: UUID | None = None, sid: str = SID, error_code: int | None = None
) -> Receipt:
    return Receipt(
        sid=Sid(sid),
        status=status,
        job_id=JobId(job) if job else None,
        attempt=1,
        error_code=error_code,
    )


def record(db: Database, *receipts: Receipt) -> list[tuple[str, UUID | None]]:
    """Records receipts together; word and job of those that were new."""
    return [(row.status, row.job_id) for row in messages.record_receipts(db, receipts)]


def delivery(db: Database, id: UUID) -> Delivery:
    with db.cursor(row_factory=class_row(Delivery)) as cursor:
        found = cursor.execute(
            "select status, twilio_sid, delivery_status, error_code, "
            "delivered_at is not null as is_delivered, due_at is not null as is_due "
            "from message_jobs where id = %s",
            [id],
        ).fetchone()
    assert found is not None
    return found


def sent(db: Database, sid: str = SID, delivery_status: str | None = "queued") -> UUID:
    return force(db, "sent", twilio_sid=sid, delivery_status=delivery_status, due_at=None)


def accepted(id: JobId, sid: str = SID) -> Outcome:
    return Outcome(
        job_id=id,
        attempt=1,
        status=Status.SENT,
        twilio_sid=Sid(sid),
        delivery_status="queued",
    )


def handed_over(db: Database, recall: str | None = None) -> UUID:
    """A job that Twilio keeps until its time, perhaps wanted back."""
    return force(
        db,
        "scheduled",
        twilio_sid=SID,
        delivery_status="scheduled",
        scheduled_for="2030-01-01 12:00:00+00",
        due_at="2026-01-01 12:00:00+00",
        handed_over_at="2026-01-01 11:00:00+00",
        recall=recall,
    )


@pytest.mark.parametrize("order", [*permutations(WORDS)], ids=" ".join)
def test_every_order_of_receipts_ends_the_same(db: Database, order: Sequence[str]) -> None:
    alone, together = sent(db), sent(db, OTHER)
    for word in order:
        record(db, receipt(word))
    record(db, *(receipt(word, sid=OTHER) for word in order))

    for id, sid in ((alone, SID), (together, OTHER)):
        assert Delivery(
            status="sent",
            twilio_sid=sid,
            delivery_status="delivered",
            error_code=None,
            is_delivered=True,
            is_due=False,
        ) == delivery(db, id)
        assert ["receipt"] * 3 == kinds(db, id)


def test_a_later_word_replaces_an_earlier_one_and_never_the_other_way(db: Database) -> None:
    words = [*RANK, "a_word_of_tomorrow"]
    wrong = []
    for n, (old, new) in enumerate((old, new) for old in words for new in words):
        sid = f"SM{n:032x}"
        id = sent(db, sid, delivery_status=old)
        record(db, receipt(new, sid=sid))
        expected = new if outranks(new, old) else old
        if expected != delivery(db, id).delivery_status:
            wrong.append((old, new))
    assert [] == wrong


def test_a_receipt_that_comes_twice_is_one(db: Database) -> None:
    id = sent(db)
    assert [("delivered", id)] == record(db, receipt("delivered"))
    first = one(db, "select delivered_at from message_jobs where id = %s", id)
    assert [] == record(db, receipt("delivered"))
    assert [] == record(db, receipt("delivered"), receipt("delivered"))
    assert ["receipt"] == kinds(db, id)
    assert first == one(db, "select delivered_at from message_jobs where id = %s", id)


def test_the_same_receipt_twice_in_a_batch_is_one(db: Database) -> None:
    id = sent(db)
    assert [("sent", id)] == record(db, receipt("sent"), receipt("sent", id))
    assert ["receipt"] == kinds(db, id)


@pytest.mark.parametrize("status", sorted(Status))
@pytest.mark.parametrize("word", ["queued", "delivered", "undelivered", "failed"])
def test_twilios_id_proves_sent_whatever_we_believed(db: Database, status: str, word: str) -> None:
    id = force(db, status, twilio_sid=SID if status == "sent" else None)
    record(db, receipt(word, id))
    job = delivery(db, id)
    assert ("sent", SID, word) == (job.status, job.twilio_sid, job.delivery_status)
    assert (False, word == "delivered") == (job.is_due, job.is_delivered)


def test_a_failed_delivery_keeps_twilios_code(db: Database) -> None:
    id = sent(db)
    record(db, receipt("sent"), receipt("undelivered", error_code=30003))
    job = delivery(db, id)
    assert ("sent", "undelivered", 30003) == (job.status, job.delivery_status, job.error_code)


def test_a_receipt_with_the_id_of_another_message_changes_nothing(db: Database) -> None:
    id = sent(db)
    before = delivery(db, id)
    assert [("delivered", id)] == record(db, receipt("delivered", id, sid=OTHER))
    assert before == delivery(db, id)
    assert ["receipt"] == kinds(db, id)


def test_a_receipt_of_another_message_does_not_hide_ours_in_a_batch(db: Database) -> None:
    id = sent(db)
    record(db, receipt("delivered", id, sid=OTHER), receipt("sent", id))
    assert "sent" == delivery(db, id).delivery_status


def test_whose_id_it_is_outweighs_whose_the_url_says(db: Database) -> None:
    owner, other = sent(db), insert(db)
    assert [("delivered", owner)] == record(db, receipt("delivered", other))
    assert ("pending", "delivered") == (
        delivery(db, other).status,
        delivery(db, owner).delivery_status,
    )


@pytest.mark.parametrize("named", [None, uuid4()])
def test_a_receipt_of_no_message_of_ours_is_kept(db: Database, named: UUID | None) -> None:
    assert [("sent", None)] == record(db, receipt("sent", named))
    assert [] == record(db, receipt("sent", named))
    journal = "select count(*) from messaging.message_events where job_id is null"
    assert 1 == one(db, journal)


def test_many_receipts_of_many_jobs_are_one_statement(db: Database) -> None:
    sids = [f"SM{n:032x}" for n in range(100)]
    ids = [sent(db, sid) for sid in sids]
    batch = [receipt(word, sid=sid) for word in reversed(WORDS) for sid in sids]
    assert 300 == len(record(db, *batch, *batch))
    assert {"delivered"} == {delivery(db, id).delivery_status for id in ids}


def test_a_receipt_before_the_answer_and_the_answer_after_it_agree(db: Database) -> None:
    id = JobId(force(db, "processing", attempt=1))
    record(db, receipt("delivered", id))
    assert set() == jobs.settle(db, [accepted(id)], "sms_queue")
    job = delivery(db, id)
    assert ("sent", SID, "delivered") == (job.status, job.twilio_sid, job.delivery_status)
    assert ["receipt", "late_answer"] == kinds(db, id)


def test_a_text_that_twilio_keeps_goes_on_with_its_first_receipt(db: Database) -> None:
    id = handed_over(db)
    record(db, receipt("scheduled", id))
    assert ("scheduled", True) == (delivery(db, id).status, delivery(db, id).is_due)
    record(db, receipt("queued", id))
    assert ("sent", "queued", False) == (
        delivery(db, id).status,
        delivery(db, id).delivery_status,
        delivery(db, id).is_due,
    )


@pytest.mark.parametrize("recall", [None, "cancel"])
def test_a_text_that_twilio_dropped_is_canceled(db: Database, recall: str | None) -> None:
    id = handed_over(db, recall)
    record(db, receipt("canceled", id))
    job = delivery(db, id)
    assert ("canceled", "canceled", False) == (job.status, job.delivery_status, job.is_due)
    assert None is one(db, "select sent_at from message_jobs where id = %s", id)


def test_a_text_that_was_wanted_back_for_another_time_is_ours_again(db: Database) -> None:
    id = handed_over(db, "reschedule")
    record(db, receipt("canceled", id))
    assert Delivery(
        status="scheduled",
        twilio_sid=None,
        delivery_status=None,
        error_code=None,
        is_delivered=False,
        is_due=True,
    ) == delivery(db, id)
    due = "select due_at = scheduled_for and recall is null and handed_over_at is null from"
    assert one(db, f"{due} message_jobs where id = %s", id)


def test_a_text_that_was_taken_back_is_not_ended_by_twilios_word_for_it(db: Database) -> None:
    id = handed_over(db, "reschedule")
    (wanted,) = kept.recall_due(db, timedelta(seconds=30))
    assert {id} == kept.recalled(db, [wanted])
    before = delivery(db, id)
    record(db, receipt("canceled", id))
    record(db, receipt("canceled", id))
    assert before == delivery(db, id)


def test_a_canceled_text_is_proved_sent_by_a_receipt_that_says_so(db: Database) -> None:
    id = force(db, "canceled")
    record(db, receipt("sent", id))
    assert ("sent", SID) == (delivery(db, id).status, delivery(db, id).twilio_sid)
