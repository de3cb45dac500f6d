"""messaging.resolve: what a person decides, once, on record, and only where it may be decided."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from messaging.domain.decision import Answer, Decision, Wish
from messaging.domain.job import JobId, Sid, Status
from messaging.domain.receipt import Receipt
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import decisions, messages
from tests.integration.databases import (
    SID,
    Database,
    expect_waiting,
    force,
    migrated,
    one,
    rolled_back,
)
from tests.integration.story import entries, insert, kinds, row

LATER = datetime(2090, 1, 1, tzinfo=UTC)
MAY_BE_SENT = {"held", "in_doubt", "failed", "canceled", "expired", "suppressed"}
MAY_BE_CANCELED = {"held", "in_doubt"}


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def resolve(db: Database, id: UUID, decision: str, sid: str | None = None) -> object:
    return one(db, "select messaging.resolve(%s, %s, %s)", id, decision, sid)


def details(db: Database, id: UUID) -> object:
    return one(
        db,
        "select details from messaging.message_events where job_id = %s and kind = 'resolved'",
        id,
    )


@pytest.mark.parametrize("status", sorted(Status))
def test_what_was_found_at_twilio_is_sent(db: Database, status: str) -> None:
    id = force(db, status, twilio_sid=f"{SID[:-1]}9" if status == "sent" else None)
    may = status in MAY_BE_SENT
    assert ("sent" if may else "not_held") == resolve(db, id, "sent", SID)
    assert ("sent" if may else status) == row(db, id).status
    assert (["resolved"] if may else []) == kinds(db, id)
    if may:
        assert SID == row(db, id).twilio_sid
        assert one(db, "select sent_at is not null and due_at is null from message_jobs")


@pytest.mark.parametrize("status", sorted(Status))
def test_only_what_is_held_is_sent_again(db: Database, status: str) -> None:
    id = force(db, status, twilio_sid=SID if status == "sent" else None)
    db.execute("delete from pgmq.q_sms_queue")
    may = status == "held"
    assert ("pending" if may else "not_held") == resolve(db, id, "resend")
    assert ("pending" if may else status) == row(db, id).status
    assert ([{"job_id": str(id)}] if may else []) == entries(db)


@pytest.mark.parametrize("status", sorted(Status))
def test_what_is_held_or_in_doubt_is_canceled(db: Database, status: str) -> None:
    id = force(db, status, twilio_sid=SID if status == "sent" else None)
    may = status in MAY_BE_CANCELED
    expected = "canceled" if may or status == "canceled" else "not_held"
    assert expected == resolve(db, id, "cancel")
    assert (["resolved"] if may else []) == kinds(db, id)
    assert ("canceled" if may else status) == row(db, id).status


def test_an_urgent_one_is_queued_where_urgent_ones_are(db: Database) -> None:
    id = force(db, "held", priority=9)
    db.execute("delete from pgmq.q_sms_queue")
    resolve(db, id, "resend")
    assert ([], [{"job_id": str(id)}]) == (entries(db), entries(db, "sms_priority_queue"))


def test_what_is_for_later_waits_for_its_time_again(db: Database) -> None:
    id = force(db, "held", scheduled_for=LATER)
    db.execute("delete from pgmq.q_sms_queue")
    assert "scheduled" == resolve(db, id, "resend")
    assert one(db, "select due_at = scheduled_for from message_jobs where id = %s", id)
    assert [] == entries(db)


def test_after_a_persons_word_doubt_begins_anew(db: Database) -> None:
    id = force(db, "held", doubt_resends=2, clean_reads=1, error_details={"message": "no"})
    resolve(db, id, "resend")
    assert (0, 0, None) == db.execute(
        "select doubt_resends, clean_reads, error_details from message_jobs where id = %s", [id]
    ).fetchone()


@pytest.mark.parametrize(
    ("sid", "expected"),
    [
        (None, "sid_missing"),
        ("", "sid_missing"),
        ("SM1", "sid_invalid"),
        (f"XX{SID[2:]}", "sid_invalid"),
        (f"{SID}\n", "sid_invalid"),
        (f"MM{SID[2:]}", "sent"),
    ],
)
def test_a_text_that_was_sent_has_a_sid(db: Database, sid: str | None, expected: str) -> None:
    id = force(db, "held")
    assert expected == resolve(db, id, "sent", sid)


def test_a_sid_belongs_to_one_message(db: Database) -> None:
    force(db, "sent", twilio_sid=SID)
    id = force(db, "held")
    assert "sid_taken" == resolve(db, id, "sent", SID)
    assert ("held", []) == (row(db, id).status, kinds(db, id))


def test_a_message_that_is_not_there_is_told(db: Database) -> None:
    for decision, sid in (("sent", SID), ("resend", None), ("cancel", None)):
        assert "not_found" == resolve(db, uuid4(), decision, sid)


@pytest.mark.parametrize(("decision", "sid"), [("sent", SID), ("cancel", None)])
def test_a_second_time_is_no_second_act(db: Database, decision: str, sid: str | None) -> None:
    id = force(db, "held")
    assert resolve(db, id, decision, sid) == resolve(db, id, decision, sid)
    assert ["resolved"] == kinds(db, id)


@pytest.mark.parametrize(
    ("decision", "sid", "message"),
    [
        ("send", None, "a message cannot be resolved as 'send'"),
        (None, None, "a message cannot be resolved as null"),
        ("resend", SID, "only a message that was sent has a SID of Twilio's"),
        ("cancel", "", "only a message that was sent has a SID of Twilio's"),
    ],
)
def test_what_is_no_decision_is_refused(
    db: Database, decision: str | None, sid: str | None, message: str
) -> None:
    id = force(db, "held")
    with pytest.raises(errors.InvalidParameterValue) as refused:
        db.execute("select messaging.resolve(%s, %s, %s)", [id, decision, sid])
    assert message == refused.value.diag.message_primary
    assert refused.value.diag.message_hint


def test_the_journal_says_who_decided_what(db: Database) -> None:
    id = force(db, "in_doubt", attempt=3)
    resolve(db, id, "sent", SID)
    assert {"decision": "sent", "was": "in_doubt", "status": "sent", "by": "messaging"} == details(
        db, id
    )
    assert (3, SID) == db.execute(
        "select attempt, twilio_sid from messaging.message_events where job_id = %s", [id]
    ).fetchone()


@pytest.mark.parametrize(
    ("by", "expected"), [("Ann", "Ann"), (" ", "messaging"), (None, "messaging")]
)
def test_whoever_decides_may_be_named(db: Database, by: str | None, expected: str) -> None:
    id = force(db, "held")
    wish = Wish(id=JobId(id), decision=Decision.CANCEL, by=by)
    assert Answer.CANCELED is decisions.resolve(db, wish)
    assert expected == one(db, "select details ->> 'by' from messaging.message_events")


def test_a_receipt_shows_after_all_that_a_canceled_text_went_out(db: Database) -> None:
    id = force(db, "in_doubt", attempt=1)
    resolve(db, id, "cancel")
    receipt = Receipt(sid=Sid(SID), status="delivered", job_id=JobId(id), attempt=1)
    messages.record_receipts(db, [receipt])
    assert ("sent", "delivered") == (row(db, id).status, row(db, id).delivery_status)


def test_a_receipt_for_an_earlier_attempt_stops_what_a_person_had_sent_again(db: Database) -> None:
    id = force(db, "held", attempt=1)
    resolve(db, id, "resend")
    receipt = Receipt(sid=Sid(SID), status="sent", job_id=JobId(id), attempt=1)
    messages.record_receipts(db, [receipt])
    assert "sent" == row(db, id).status


@pytest.mark.parametrize("decision", ["resend", "cancel"])
def test_of_two_who_decide_at_once_one_decides(url: str, decision: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        id = force(db, "held", message_content=decision)
        both = Barrier(2)

        def decide(_: int) -> object:
            with psycopg.connect(url, autocommit=True) as mine:
                both.wait(10)
                return resolve(mine, id, decision)

        with ThreadPoolExecutor(2) as pool:
            answers = sorted(map(str, pool.map(decide, range(2))))
        done = {"resend": ["not_held", "pending"], "cancel": ["canceled", "canceled"]}
        assert (done[decision], ["resolved"]) == (answers, kinds(db, id))


def test_a_receipt_that_comes_first_wins(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as db, ThreadPoolExecutor(1) as pool:
        id = force(db, "held")
        sid = f"SM{uuid4().hex}"

        def decide() -> object:
            with psycopg.connect(url, autocommit=True) as mine:
                return resolve(mine, id, "resend")

        with psycopg.connect(url) as receipts, receipts.transaction():
            receipt = Receipt(sid=Sid(sid), status="delivered", job_id=JobId(id))
            messages.record_receipts(receipts, [receipt])
            answer = pool.submit(decide)
            expect_waiting(url, 1)
        assert "not_held" == answer.result(10)
        assert ("sent", ["receipt"]) == (row(db, id).status, kinds(db, id))


def test_a_receipt_that_comes_second_counts_all_the_same(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as db, ThreadPoolExecutor(1) as pool:
        id = force(db, "held")
        sid = f"SM{uuid4().hex}"

        def record() -> None:
            with psycopg.connect(url, autocommit=True) as mine:
                receipt = Receipt(sid=Sid(sid), status="delivered", job_id=JobId(id))
                messages.record_receipts(mine, [receipt])

        with psycopg.connect(url) as person, person.transaction():
            assert "pending" == resolve(person, id, "resend")
            recording = pool.submit(record)
            expect_waiting(url, 1)
        recording.result(10)
        assert ("sent", ["resolved", "receipt"]) == (row(db, id).status, kinds(db, id))


def test_two_messages_that_want_one_sid_at_once_do_not_both_get_it(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as db, ThreadPoolExecutor(1) as pool:
        first, second = force(db, "held"), force(db, "held")
        sid = f"SM{uuid4().hex}"

        def decide() -> object:
            with psycopg.connect(url, autocommit=True) as mine:
                return resolve(mine, second, "sent", sid)

        with psycopg.connect(url) as person, person.transaction():
            assert "sent" == resolve(person, first, "sent", sid)
            answer = pool.submit(decide)
            expect_waiting(url, 1)
        assert "sid_taken" == answer.result(10)
        assert ("held", []) == (row(db, second).status, kinds(db, second))
        resolve(db, second, "cancel")


def test_the_view_has_what_is_held_and_what_has_been_in_doubt_for_long(db: Database) -> None:
    held = force(db, "held", error_details={"message": "why"}, updated_at=LATER)
    old = force(db, "in_doubt", updated_at=datetime(2026, 1, 1, tzinfo=UTC))
    force(db, "in_doubt")
    insert(db)
    assert [(old, "in_doubt", None), (held, "held", "why")] == [
        (each.id, each.status, each.reason) for each in decisions.held(db, 10)
    ]
    assert [old] == [each.id for each in decisions.held(db, 1)]
    assert 2 == decisions.held_count(db)
