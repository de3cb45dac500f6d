"""messaging.settle: a worker may only settle the attempt that it claimed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from messaging.domain.entries import Hint
from messaging.domain.job import JobId, Sid, Status
from messaging.domain.outcome import Outcome
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import jobs, queues
from tests.integration.databases import SID, Database, change, force, migrated, one, rolled_back
from tests.integration.story import entries, insert, kinds, row

QUEUE = "sms_queue"
MINUTE = timedelta(minutes=1)
SENT = Outcome(
    job_id=JobId(uuid4()),
    attempt=1,
    status=Status.SENT,
    twilio_sid=Sid(SID),
    delivery_status="queued",
    segments=2,
    details={"answer": "accepted"},
)
LATER = replace(
    SENT,
    status=Status.RETRYING,
    twilio_sid=None,
    delivery_status=None,
    segments=None,
    due_in=MINUTE,
    retry_count=1,
    error_details={"message": "TLS failed"},
)


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def claimed(db: Database, priority: int = 0) -> Hint:
    """A claimed job in its first attempt, and the entry that led to it."""
    id = JobId(insert(db, prepared_at="2026-01-01 00:00:00+00", priority=priority))
    queue = "sms_priority_queue" if priority > 5 else QUEUE
    (entry,) = queues.lease(db, queue, MINUTE, 10)
    assert [id] == [claim.id for claim in jobs.claim(db, [id], MINUTE)]
    return Hint(job_id=id, msg_id=entry.msg_id)


def settle(db: Database, hint: Hint, outcome: Outcome) -> bool:
    """Whether this outcome of the hint's job was written."""
    return {hint.job_id} == jobs.settle(db, [replace(outcome, job_id=hint.job_id)], QUEUE, [hint])


def test_an_outcome_is_written_with_all_that_goes_with_it(db: Database) -> None:
    hint = claimed(db)
    assert settle(db, hint, SENT)
    job = row(db, hint.job_id)
    assert ("sent", 1, SID, "queued") == (
        job.status,
        job.attempt,
        job.twilio_sid,
        job.delivery_status,
    )
    rest = "select segments = 2 and sent_at is not null and due_at is null from message_jobs"
    assert one(db, rest)
    journal = db.execute(
        "select kind, attempt, twilio_sid, delivery_status, details "
        "from messaging.message_events where job_id = %s",
        [hint.job_id],
    ).fetchall()
    details = {"answer": "accepted", "status": "sent"}
    assert [("settled", 1, SID, "queued", details)] == journal
    assert [] == entries(db)


def test_a_retry_waits_with_its_reason_and_without_an_entry(db: Database) -> None:
    hint = claimed(db)
    assert settle(db, hint, LATER)
    assert ("retrying", 1, None) == (
        row(db, hint.job_id).status,
        row(db, hint.job_id).retry_count,
        row(db, hint.job_id).twilio_sid,
    )
    waiting = (
        "select error_details ->> 'message' = 'TLS failed' and sent_at is null "
        "and due_at - clock_timestamp() between interval '50 s' and interval '60 s' "
        "from message_jobs"
    )
    assert one(db, waiting)
    assert [] == entries(db)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PROCESSING}))
@pytest.mark.parametrize(
    "outcome", [LATER, replace(LATER, status=Status.FAILED)], ids=["retrying", "failed"]
)
def test_without_proof_only_a_job_that_is_being_sent_is_settled(
    db: Database, status: str, outcome: Outcome
) -> None:
    hint = claimed(db)
    change(db, hint.job_id, {"status": status, "twilio_sid": SID if status == "sent" else None})
    assert not settle(db, hint, outcome)
    assert (status, 0, []) == (
        row(db, hint.job_id).status,
        row(db, hint.job_id).retry_count,
        kinds(db, hint.job_id),
    )


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.SENT}))
def test_twilios_id_settles_the_last_attempt_from_everywhere(db: Database, status: str) -> None:
    hint = claimed(db)
    change(db, hint.job_id, {"status": status})
    assert settle(db, hint, SENT)
    assert ("sent", ["settled"]) == (row(db, hint.job_id).status, kinds(db, hint.job_id))
    assert [] == entries(db)


@pytest.mark.parametrize("outcome", [SENT, LATER], ids=["sent", "retrying"])
def test_an_answer_to_an_earlier_attempt_changes_nothing(db: Database, outcome: Outcome) -> None:
    hint = claimed(db)
    change(db, hint.job_id, {"attempt": 2})
    assert not settle(db, hint, outcome)
    assert ("processing", None) == (row(db, hint.job_id).status, row(db, hint.job_id).twilio_sid)


def test_an_acceptance_that_comes_too_late_is_in_the_journal(db: Database) -> None:
    hint = claimed(db)
    change(db, hint.job_id, {"attempt": 2})
    settle(db, hint, SENT)
    settle(db, hint, LATER)
    journal = db.execute(
        "select kind, attempt, twilio_sid from messaging.message_events where job_id = %s",
        [hint.job_id],
    ).fetchall()
    assert [("late_answer", 1, SID)] == journal


def test_a_second_id_never_replaces_the_first(db: Database) -> None:
    hint = claimed(db)
    assert settle(db, hint, SENT)
    other = Sid("SM" + "f" * 32)
    assert not settle(db, hint, replace(SENT, twilio_sid=other))
    assert SID == row(db, hint.job_id).twilio_sid
    assert ["settled", "late_answer"] == kinds(db, hint.job_id)


@pytest.mark.parametrize(("kind", "settles"), [("reconciled", True), ("settled", False)])
def test_only_reconciliation_ends_a_doubt_without_proof(
    db: Database, kind: str, settles: bool
) -> None:
    hint = claimed(db)
    change(db, hint.job_id, {"status": "in_doubt", "clean_reads": 2})
    again = replace(LATER, status=Status.PENDING, kind=kind, due_in=timedelta(0), doubt_resends=1)
    assert settles == settle(db, hint, again)
    assert ("pending" if settles else "in_doubt") == row(db, hint.job_id).status
    counted = "select (clean_reads, doubt_resends) = (%s, %s) from message_jobs"
    assert one(db, counted, *((0, 1) if settles else (2, 0)))


@pytest.mark.parametrize(
    ("priority", "queue", "other"),
    [(0, QUEUE, "sms_priority_queue"), (9, "sms_priority_queue", QUEUE)],
)
def test_a_job_that_is_pending_again_has_one_entry_again(
    db: Database, priority: int, queue: str, other: str
) -> None:
    hint = claimed(db, priority)
    change(db, hint.job_id, {"status": "in_doubt"})
    again = replace(
        LATER,
        job_id=hint.job_id,
        status=Status.PENDING,
        due_in=timedelta(0),
        doubt_resends=1,
        kind="reconciled",
    )
    jobs.settle(db, [again], queue, [hint])
    assert [{"job_id": str(hint.job_id)}] == entries(db, queue)
    assert [] == entries(db, other)
    (entry,) = queues.lease(db, queue, MINUTE, 10)
    assert entry.msg_id != hint.msg_id


def test_a_group_is_settled_together_and_the_stale_one_left_out(db: Database) -> None:
    hints = [claimed(db) for _ in range(5)]
    change(db, hints[2].job_id, {"attempt": 2})
    outcomes = [
        replace(SENT, job_id=hint.job_id, twilio_sid=Sid(f"SM{n:032x}"))
        for n, hint in enumerate(hints)
    ]
    settled = jobs.settle(db, outcomes, QUEUE, hints)
    assert {hint.job_id for n, hint in enumerate(hints) if n != 2} == settled


def test_without_a_queue_no_entry_is_touched(db: Database) -> None:
    hint = claimed(db)
    assert {hint.job_id} == jobs.settle(db, [replace(SENT, job_id=hint.job_id)], queue=None)
    assert [{"job_id": str(hint.job_id)}] == entries(db)


def test_nothing_and_nobody_are_settled_quietly(db: Database) -> None:
    assert set() == jobs.settle(db, [], QUEUE)
    assert set() == jobs.settle(db, [replace(SENT, job_id=JobId(uuid4()))], QUEUE)


def test_a_text_that_twilio_keeps_is_scheduled_with_its_id(db: Database) -> None:
    hint = claimed(db)
    change(db, hint.job_id, {"scheduled_for": "2090-01-01"})
    kept = replace(SENT, status=Status.SCHEDULED, handed_over=True, due_in=MINUTE)
    assert settle(db, hint, kept)
    assert ("scheduled", SID) == (row(db, hint.job_id).status, row(db, hint.job_id).twilio_sid)
    assert 0 == one(db, "select messaging.promote(10)")
    assert one(db, "select handed_over_at is not null and sent_at is null from message_jobs")


def test_promotion_takes_what_is_due_and_leaves_the_rest(db: Database) -> None:
    due = [
        force(db, "scheduled", due_at="2026-01-01 00:00:00+00"),
        force(db, "retrying", due_at="2026-01-02 00:00:00+00"),
    ]
    urgent = force(db, "retrying", due_at="2026-01-03 00:00:00+00", priority=9)
    left = [
        force(db, "scheduled", due_at="2090-01-01 00:00:00+00"),
        force(db, "scheduled", due_at="2026-01-01 00:00:00+00", handed_over_at="2026-01-01"),
        force(db, "in_doubt", due_at="2026-01-01 00:00:00+00"),
        force(db, "held", due_at="2026-01-01 00:00:00+00"),
    ]
    db.execute("delete from pgmq.q_sms_queue")
    before = [row(db, id) for id in left]
    assert 2 == one(db, "select messaging.promote(2)")
    assert [{"job_id": str(id)} for id in due] == entries(db)
    assert 1 == one(db, "select messaging.promote(2)")
    assert [{"job_id": str(urgent)}] == entries(db, "sms_priority_queue")
    assert 0 == one(db, "select messaging.promote(2)")
    assert {"pending"} == {row(db, id).status for id in [*due, urgent]}
    assert before == [row(db, id) for id in left]


def test_a_pending_job_whose_entry_is_gone_gets_a_new_one(db: Database) -> None:
    lost, urgent, kept = insert(db), insert(db, priority=9), insert(db)
    db.execute("delete from pgmq.q_sms_queue where message ->> 'job_id' = %s", [str(lost)])
    db.execute("delete from pgmq.q_sms_priority_queue")
    assert 0 == jobs.restore_entries(db, MINUTE)
    assert 2 == jobs.restore_entries(db, timedelta(0))
    assert [{"job_id": str(kept)}, {"job_id": str(lost)}] == entries(db)
    assert [{"job_id": str(urgent)}] == entries(db, "sms_priority_queue")
    assert 0 == jobs.restore_entries(db, timedelta(0))


def test_a_strangers_entries_do_not_stop_the_search_for_missing_ones(db: Database) -> None:
    lost = insert(db)
    db.execute("delete from pgmq.q_sms_queue")
    for stranger in ("null", "5", '"text"', "[]", "{}", '{"job_id": null}', '{"job_id": "me"}'):
        db.execute("select pgmq.send('sms_queue', %s::jsonb)", [stranger])
    assert 1 == jobs.restore_entries(db, timedelta(0))
    assert {"job_id": str(lost)} == entries(db)[-1]


def test_a_worker_of_the_version_before_settles_as_it_did(db: Database) -> None:
    hint = claimed(db)
    outcome = {
        "job_id": str(hint.job_id),
        "attempt": 1,
        "status": "sent",
        "twilio_sid": SID,
        "delivery_status": "queued",
        "segments": 2,
        "handed_over": False,
        "kind": "settled",
        "details": {"answer": "accepted"},
        "queue": QUEUE,
        "msg_id": hint.msg_id,
    }
    assert hint.job_id == one(db, "select messaging.settle(%s)", Jsonb([outcome]))
    job = row(db, hint.job_id)
    assert ("sent", SID, "queued") == (job.status, job.twilio_sid, job.delivery_status)
    assert ["settled"] == kinds(db, hint.job_id)
    details = one(db, "select details from messaging.message_events")
    assert {"answer": "accepted", "status": "sent"} == details
    assert [] == entries(db)


def test_what_postgres_cannot_store_is_refused_and_shifts_nothing(db: Database) -> None:
    hints = [claimed(db), claimed(db)]
    sids = [Sid(f"SM{number:032}") for number in (1, 2)]
    outcomes = [
        replace(SENT, job_id=hint.job_id, twilio_sid=sid, delivery_status=status)
        for hint, sid, status in zip(hints, sids, ["que\0ued", "queued"], strict=True)
    ]
    with pytest.raises(psycopg.DataError, match="NUL"):
        jobs.settle(db, outcomes, QUEUE, hints)
    assert ["processing"] * 2 == [row(db, hint.job_id).status for hint in hints]


def test_the_wait_for_a_held_row_is_bounded_for_the_settle_alone(db: Database) -> None:
    db.execute("set local lock_timeout = '7s'")
    hint = claimed(db)
    outcomes = [replace(SENT, job_id=hint.job_id)]
    assert set() == jobs.settle_all(db, [jobs.Settling(outcomes=outcomes)], MINUTE)
    assert "7s" == one(db, "show lock_timeout")
