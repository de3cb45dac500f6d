"""messaging.replay: what is proved not to have gone out is sent again, once, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from messaging.domain.job import JobId, Status
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import dead
from messaging.postgres.dead import Ended
from tests.integration.databases import SID, Database, change, force, migrated, one, rolled_back
from tests.integration.story import entries, insert, kinds, row

LATER = datetime(2090, 1, 1, tzinfo=UTC)
Line = Mapping[str, object]

REJECTED = {"kind": "settled", "attempt": 1, "details": {"answer": "rejected"}}
NOT_SENT = {"kind": "settled", "attempt": 1, "details": {"answer": "not sent"}}
IN_DOUBT = {"kind": "settled", "attempt": 1, "details": {"answer": "in doubt"}}
SWEPT = {"kind": "swept", "attempt": 1}
NOT_AT_TWILIO = {
    "kind": "reconciled",
    "attempt": 1,
    "details": {"answer": "not found", "reason": "not at Twilio"},
}
RESENT = {
    "kind": "reconciled",
    "attempt": 1,
    "details": {"answer": "not found", "reason": "policy resend"},
}
DECIDED = {"kind": "resolved", "attempt": 1, "details": {"decision": "resend"}}
SECOND = {**REJECTED, "attempt": 2}
LATE = {"kind": "late_answer", "attempt": 1, "twilio_sid": SID}
KEPT = {"kind": "settled", "attempt": 1, "twilio_sid": SID, "details": {"answer": "accepted"}}
DROPPED = {"kind": "recalled", "twilio_sid": SID}
CANCELED = {"kind": "receipt", "twilio_sid": SID, "delivery_status": "canceled"}
GONE = {"kind": "gone_at_twilio", "twilio_sid": SID}
COMPARED = {"kind": "held", "attempt": 1}
REFUSED = {"kind": "refused"}


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def journal(db: Database, id: UUID, lines: Sequence[Line]) -> None:
    for line in lines:
        db.execute(
            "insert into messaging.message_events "
            "(job_id, kind, attempt, twilio_sid, delivery_status, details) "
            "values (%s, %s, %s, %s, %s, %s)",
            [
                id,
                line["kind"],
                line.get("attempt"),
                line.get("twilio_sid"),
                line.get("delivery_status"),
                Jsonb(line.get("details", {})),
            ],
        )


def failed(db: Database, lines: Sequence[Line] = (REJECTED,), **columns: object) -> JobId:
    """A message that failed at its last attempt, with this journal, and no entry in a queue."""
    attempts = max((int(str(line.get("attempt") or 0)) for line in lines), default=0)
    id = force(db, "failed", **{"attempt": attempts, **columns})
    journal(db, id, lines)
    db.execute("delete from pgmq.q_sms_queue")
    return JobId(id)


def replay(db: Database, *ids: UUID, again: bool = False, dry_run: bool = False) -> list[Ended]:
    return dead.replay(db, [JobId(id) for id in ids], "Ann", again=again, dry_run=dry_run)


def answer(db: Database, id: UUID, *, again: bool = False, dry_run: bool = False) -> str:
    (ended,) = replay(db, id, again=again, dry_run=dry_run)
    return ended.result


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([REJECTED], "replayed"),
        ([NOT_SENT], "replayed"),
        ([REFUSED], "replayed"),
        ([], "may_be_out"),
        ([IN_DOUBT], "may_be_out"),
        ([IN_DOUBT, NOT_AT_TWILIO, {**SWEPT, "attempt": 2}], "may_be_out"),
        ([IN_DOUBT, NOT_AT_TWILIO, SECOND], "replayed"),
        ([SWEPT, NOT_AT_TWILIO, SECOND], "replayed"),
        ([SWEPT, SECOND], "may_be_out"),
        ([IN_DOUBT, SECOND], "may_be_out"),
        ([IN_DOUBT, RESENT, SECOND], "may_be_out"),
        ([IN_DOUBT, DECIDED, SECOND], "replayed"),
        ([NOT_AT_TWILIO, SWEPT, SECOND], "may_be_out"),  # in doubt after the proof
        ([NOT_AT_TWILIO, IN_DOUBT, SECOND], "may_be_out"),
        ([NOT_AT_TWILIO, RESENT, SECOND], "may_be_out"),
        ([COMPARED, SECOND], "may_be_out"),
        ([SECOND], "may_be_out"),  # of the first attempt nothing is told
        ([REJECTED, LATE], "may_be_out"),
        ([KEPT, SECOND], "may_be_out"),
        ([KEPT, DROPPED, SECOND], "replayed"),
        ([KEPT, CANCELED, SECOND], "replayed"),
        ([KEPT, GONE], "may_be_out"),
    ],
)
def test_only_what_its_journal_proves_not_to_have_gone_out_is_sent_again(
    db: Database, lines: Sequence[Line], expected: str
) -> None:
    id = failed(db, lines)
    assert expected == answer(db, id)
    again = "select count(*) from message_jobs where retry_of = %s"
    assert int(expected == "replayed") == one(db, again, id) == len(entries(db))


@pytest.mark.parametrize("status", Status)
def test_only_what_has_failed_is_sent_again(db: Database, status: Status) -> None:
    said = {
        Status.HELD: "held",
        Status.IN_DOUBT: "in_doubt",
        Status.SENT: "sent",
        Status.EXPIRED: "past_deadline",
        Status.CANCELED: "not_failed",
        Status.SUPPRESSED: "not_failed",
        Status.FAILED: "replayed",
    }
    expected = said.get(status, "not_ended")
    id = force(db, status, attempt=1, twilio_sid=SID if status == "sent" else None)
    journal(db, id, [REJECTED])
    assert expected == answer(db, id)
    assert status == row(db, id).status


def test_one_with_a_sid_is_not_sent_again(db: Database) -> None:
    assert "may_be_out" == answer(db, failed(db, twilio_sid=SID))
    assert ["not_found"] == [ended.result for ended in replay(db, uuid4())]


def test_a_replay_is_a_new_message_that_says_the_same(db: Database) -> None:
    columns: dict[str, Any] = {
        "recipient_phone": "+15555550111",
        "user_id": UUID(int=5),
        "message_content": "Your table",
        "priority": 9,
        "max_retries": 1,
        "metadata": {"a": 1},
        "in_doubt_policy": "hold",
        "media_urls": ["https://example.com/a.png"],
    }
    id = failed(db, retry_count=1, error_code=21211, idempotency_key="k", **columns)
    (ended,) = replay(db, id)
    copied = ", ".join(columns)
    told = db.execute(
        f"select {copied}, status, retry_of, attempt, retry_count, error_code, idempotency_key "
        "from message_jobs where id = %s".encode(),
        [ended.new_id],
    ).fetchone()
    assert (*columns.values(), "pending", id, 0, 0, None, None) == told
    assert [{"job_id": str(ended.new_id)}] == entries(db, "sms_priority_queue")


def test_both_journals_say_so(db: Database) -> None:
    id = failed(db)
    (ended,) = replay(db, id)
    told = db.execute(
        "select job_id, kind, details from messaging.message_events where kind like 'replay%%' "
        "order by kind desc"
    ).fetchall()
    new = ended.new_id
    assert [
        (id, "replayed", {"as": str(new), "by": "Ann"}),
        (new, "replay", {"of": str(id), "by": "Ann"}),
    ] == told


def test_a_trial_changes_nothing(db: Database) -> None:
    id = failed(db)
    assert ["replayable"] == [ended.result for ended in replay(db, id, dry_run=True)]
    assert (["settled"], []) == (kinds(db, id), entries(db))
    assert "replayed" == answer(db, id)


def test_it_is_not_done_twice_unless_said_so(db: Database) -> None:
    id = failed(db)
    (first,) = replay(db, id)
    assert first.new_id is not None
    assert "replay_may_be_out" == answer(db, id, again=True)  # it is on its way
    change(db, first.new_id, {"status": "failed", "attempt": 1})
    assert "replay_may_be_out" == answer(db, id, again=True)  # how, is not told
    journal(db, first.new_id, [REJECTED])
    (refused,) = replay(db, id)
    assert ("replayed_before", first.new_id) == (refused.result, refused.new_id)
    assert "replayed" == answer(db, id, again=True)


def test_what_a_replay_of_its_replay_may_have_sent_is_not_sent_again(db: Database) -> None:
    id = failed(db)
    (first,) = replay(db, id)
    assert first.new_id is not None
    change(db, first.new_id, {"status": "failed", "attempt": 1})
    journal(db, first.new_id, [REJECTED])
    assert "replayed" == answer(db, first.new_id)
    assert "replay_may_be_out" == answer(db, id, again=True)


def test_many_are_sent_again_in_one_statement_and_a_bad_one_sinks_no_other(db: Database) -> None:
    good = [failed(db) for _ in range(3)]
    bad = failed(db, recipient_phone="call me")
    told = {ended.id: ended for ended in replay(db, *good, bad, good[0])}
    assert ["replayed"] * 3 == [told[id].result for id in good]
    assert "refused" == told[bad].result
    assert str(told[bad].reason).startswith("recipient_phone is not a phone number")
    assert 3 == len(entries(db))


def test_what_breaks_a_rule_of_the_house_sinks_no_other(db: Database) -> None:
    good, bad = failed(db), failed(db, message_content="forbidden")
    db.execute("alter table message_jobs add check (message_content <> 'forbidden') not valid")
    told = {ended.id: ended.result for ended in replay(db, good, bad)}
    assert {good: "replayed", bad: "refused"} == told


def test_two_people_who_replay_at_the_same_moment_send_it_once(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        ids = [failed(conn) for _ in range(5)]
        barrier = Barrier(8)

        def ask(order: int) -> int:
            with psycopg.connect(url, autocommit=True) as mine:
                barrier.wait(30)
                asked = replay(mine, *(ids if order % 2 else ids[::-1]))
                return sum(ended.result == "replayed" for ended in asked)

        with ThreadPoolExecutor(8) as pool:
            assert len(ids) == sum(pool.map(ask, range(8)))
        again = "select count(*) from message_jobs where retry_of = any(%s)"
        assert len(ids) == one(conn, again, ids)
        conn.execute("delete from pgmq.q_sms_queue")


def test_what_the_content_window_knows_goes_over_to_the_replay(db: Database) -> None:
    id = failed(db, content_key=UUID(int=1))
    (ended,) = replay(db, id)
    holder = "select id from message_jobs where content_key = %s"
    assert ended.new_id == one(db, holder, UUID(int=1))


def letter(db: Database, message: object, queue: object = "sms_queue") -> int:
    written = Jsonb({"reason": "why", "queue": queue, "msg_id": 1, "message": message})
    found = one(db, "select pgmq.send('sms_dlq', %s)", written)
    assert isinstance(found, int)
    return found


def test_an_entry_goes_back_to_its_queue_once_and_keeps_its_trace(db: Database) -> None:
    whole = {"recipient_phone": "+15555550100", "message_content": "a"}
    number = letter(db, whole)
    assert "replayable" == dead.put_back(db, number, "Ann", dry_run=True).result
    assert "put_back" == dead.put_back(db, number, "Ann", dry_run=False).result
    assert "not_found" == dead.put_back(db, number, "Ann", dry_run=False).result
    assert ([whole], []) == (entries(db), entries(db, "sms_dlq"))
    assert [(number,)] == db.execute("select msg_id from pgmq.a_sms_dlq").fetchall()
    trace = "select details from messaging.message_events where kind = 'put_back'"
    assert {"msg_id": number, "queue": "sms_queue", "by": "Ann"} == one(db, trace)


@pytest.mark.parametrize(
    ("message", "queue", "expected"),
    [
        ("text", "sms_queue", "unusable"),
        ({"recipient_phone": "+1"}, "elsewhere", "unusable"),
        ({"recipient_phone": "+1"}, None, "unusable"),
        ({"job_id": "gone"}, "sms_queue", "unusable"),
    ],
)
def test_an_entry_that_no_queue_can_take_stays(
    db: Database, message: object, queue: object, expected: str
) -> None:
    number = letter(db, message, queue)
    assert expected == dead.put_back(db, number, None, dry_run=False).result
    assert ([], 1) == (entries(db), len(entries(db, "sms_dlq")))


def test_what_is_discarded_leaves_the_list_and_is_not_lost(db: Database) -> None:
    id, number = failed(db), letter(db, {})
    held = JobId(force(db, "held"))
    asked = ([id, held, JobId(UUID(int=9))], [number, number + 1])
    trial = dead.discard(db, *asked, "Ann", dry_run=True)
    assert 3 == one(db, "select count(*) from messaging.dead_letters")
    ended = dead.discard(db, *asked, "Ann", dry_run=False)
    assert {id: "discarded", held: "held", UUID(int=9): "not_found"} == {
        each.id: each.result for each in ended if each.id
    }
    assert {number: "discarded", number + 1: "not_found"} == {
        each.msg_id: each.result for each in ended if each.msg_id
    }
    assert {"discardable"} == {
        each.result for each in trial if each.id == id or each.msg_id == number
    }
    assert [("held",)] == db.execute("select kind from messaging.dead_letters").fetchall()
    assert [(number,)] == db.execute("select msg_id from pgmq.a_sms_dlq").fetchall()
    assert "discarded" == kinds(db, id)[-1]
    again = dead.discard(db, [id], [], "Ann", dry_run=False)
    assert ["discarded_before"] == [each.result for each in again]
    assert 2 == one(db, "select count(*) from messaging.message_events where kind = 'discarded'")


def test_what_was_replayed_leaves_the_list(db: Database) -> None:
    id, other = failed(db), failed(db)
    insert(db)
    replay(db, id)
    assert [(other,)] == db.execute("select id from messaging.dead_letters").fetchall()
