"""What is kept no longer: only what has ended, is old enough, and nothing counts on."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from messaging import Draft, Messaging, retention, runtime
from messaging.domain.job import JobId, Sid
from messaging.domain.receipt import Receipt
from messaging.errors import Misconfigured
from messaging.postgres import messages
from messaging.retention import Deleted
from messaging.runtime import Runtime
from messaging.settings import Settings, load
from tests.integration.databases import SID, Database, change, force, one

KEEP = {
    "MESSAGING_KEEP_JOBS_DAYS": "30",
    "MESSAGING_KEEP_JOURNAL_DAYS": "10",
    "MESSAGING_KEEP_DEAD_LETTERS_DAYS": "90",
}
ENDED = ("sent", "failed", "canceled", "expired", "suppressed")
OPEN = ("scheduled", "pending", "processing", "retrying", "in_doubt", "held")
PHONE = "+15555550199"


@pytest.fixture
def keeping(environment: dict[str, str]) -> Iterator[Runtime]:
    """A runtime with times for all that may be deleted."""
    rt = runtime.build(load({**environment, **KEEP}))
    yield rt
    rt.close()


def old(db: Database, status: str, days: int, **columns: object) -> UUID:
    """A job that came to this status so many days ago, with a line in its journal."""
    at = db.execute("select now() - make_interval(days => %s)", [days]).fetchone()
    assert at is not None
    sent = {"sent_at": at[0]} if status == "sent" else {}
    times = {"created_at": at[0], "updated_at": at[0], "due_at": None, **sent}
    id = force(db, status, **{**times, **columns})
    db.execute(
        "insert into messaging.message_events (job_id, at, kind, attempt) values (%s, %s, %s, 1)",
        [id, at[0], "settled"],
    )
    return id


def days_ago(db: Database, days: float) -> object:
    return one(db, "select now() - make_interval(secs => %s)", days * 86_400)


def left(db: Database) -> set[UUID]:
    return {id for (id,) in db.execute("select id from message_jobs")}


def journals(db: Database) -> set[UUID]:
    return {id for (id,) in db.execute("select distinct job_id from messaging.message_events")}


def test_nothing_is_deleted_unless_that_is_set(rt: Runtime, db: Database) -> None:
    kept = {old(db, status, 3000) for status in (*ENDED, *OPEN)}
    assert Deleted() == retention.retain(rt)
    assert kept == left(db)
    assert kept == journals(db)


@pytest.mark.parametrize("status", ENDED)
def test_what_has_ended_goes_when_its_time_is_over(
    keeping: Runtime, db: Database, status: str
) -> None:
    seen = {"acknowledged_at": days_ago(db, 31)} if status == "failed" else {}
    gone, young = old(db, status, 31, **seen), old(db, status, 29, **seen)
    assert 1 == retention.retain(keeping).jobs
    assert {young} == left(db)
    assert gone not in journals(db)


@pytest.mark.parametrize("status", OPEN)
def test_what_has_not_ended_stays_however_old(keeping: Runtime, db: Database, status: str) -> None:
    id = old(db, status, 3000)
    assert Deleted() == retention.retain(keeping)
    assert {id} == left(db) == journals(db)


def test_what_counts_stays(keeping: Runtime, db: Database) -> None:
    ago, ahead = days_ago(db, 1), days_ago(db, -1)
    kept = [
        old(db, "sent", 100, idempotency_key="counts", idempotency_expires_at=ahead),
        old(db, "sent", 100, idempotency_key="for ever", idempotency_expires_at=None),
        old(db, "sent", 100, content_key=uuid4()),
        old(db, "sent", 100, delivered_at=ago),
        old(db, "canceled", 100, recall="cancel"),
        old(db, "failed", 80),
        old(db, "failed", 100, acknowledged_at=ago),
    ]
    gone = [
        old(db, "sent", 100, idempotency_key="over", idempotency_expires_at=ago),
        old(db, "sent", 400, content_key=uuid4()),
        old(db, "sent", 100, delivered_at=days_ago(db, 99)),
        old(db, "failed", 100),
        old(db, "failed", 100, acknowledged_at=days_ago(db, 99)),
    ]
    assert len(gone) == retention.retain(keeping).jobs
    assert set(kept) == left(db)


def test_a_key_is_a_duplicate_for_as_long_as_it_counts(
    keeping: Runtime, db: Database, settings: Settings
) -> None:
    draft = Draft(to=PHONE, body="Once", idempotency_key="once")
    with Messaging(settings) as outbox:
        first = outbox.enqueue(draft)
        times = {"created_at": days_ago(db, 100), "updated_at": days_ago(db, 100)}
        change(db, first, {"status": "sent", "sent_at": days_ago(db, 100), **times})
        assert 0 == retention.retain(keeping).jobs
        assert first == outbox.enqueue(draft)
        change(db, first, {"idempotency_expires_at": days_ago(db, 1)})
        begin_anew(db)
        assert 1 == retention.retain(keeping).jobs
        assert first != outbox.enqueue(draft)


def test_a_message_goes_with_those_that_send_it_again_and_not_before(
    keeping: Runtime, db: Database
) -> None:
    """Else the first one could be replayed although its replay went out."""
    seen = {"acknowledged_at": days_ago(db, 100)}
    first = old(db, "failed", 100, **seen)
    second = old(db, "failed", 100, retry_of=first, **seen)
    third = old(db, "sent", 5, retry_of=second)
    assert 0 == retention.retain(keeping).jobs
    change(db, third, {"sent_at": days_ago(db, 99), "updated_at": days_ago(db, 99)})
    begin_anew(db)
    assert 3 == retention.retain(keeping).jobs
    assert set() == left(db)


@pytest.mark.parametrize("status", ["pending", "held"])
def test_a_message_stays_for_as_long_as_its_replay_has_not_ended(
    keeping: Runtime, db: Database, status: str
) -> None:
    first = old(db, "failed", 100, acknowledged_at=days_ago(db, 100))
    again = old(db, status, 100, retry_of=first)
    assert 0 == retention.retain(keeping).jobs
    assert {first, again} == left(db)


def test_a_replay_stays_for_as_long_as_what_it_replays(keeping: Runtime, db: Database) -> None:
    """It went out: without it the first one could be replayed once more."""
    first = old(db, "failed", 100, acknowledged_at=days_ago(db, 1))
    again = old(db, "sent", 100, retry_of=first)
    assert 0 == retention.retain(keeping).jobs
    assert {first, again} == left(db)


def test_what_a_number_was_sent_stays_while_it_waits_for_a_decision(
    keeping: Runtime, db: Database
) -> None:
    """Twilio's list shows that text: with no job that owns it, it could be taken for another."""
    doubt = old(db, "in_doubt", 60, recipient_phone=PHONE, claimed_at=days_ago(db, 60))
    before = old(db, "sent", 61, recipient_phone=PHONE)
    after = old(db, "sent", 50, recipient_phone=PHONE)
    other = old(db, "sent", 50, recipient_phone="+15555550198")
    assert 2 == retention.retain(keeping).jobs
    assert {doubt, after} == left(db)
    assert not {before, other} & left(db)


def test_a_receipt_for_what_is_deleted_is_recorded(keeping: Runtime, db: Database) -> None:
    gone = old(db, "sent", 100, twilio_sid=SID)
    retention.retain(keeping)
    receipt = Receipt(sid=Sid(SID), status="delivered", job_id=JobId(gone), attempt=1)
    (recorded,) = messages.record_receipts(db, [receipt])
    assert recorded.job_id is None
    assert SID == one(db, "select twilio_sid from messaging.message_events where kind = 'receipt'")


def test_a_row_that_another_table_refers_to_stays_and_holds_nothing_up(db: Database) -> None:
    wanted, gone = old(db, "sent", 100), old(db, "sent", 100)
    db.execute("create table orders (message uuid references message_jobs (id))")
    db.execute("insert into orders values (%s)", [wanted])
    walk = "select looked, deleted from messaging.forget_jobs('sent', '30 days', null)"
    assert (2, 1) == db.execute(walk).fetchone()
    assert {wanted} == left(db) == journals(db)
    assert gone not in left(db)


def test_the_journal_goes_as_a_whole_and_only_of_what_has_ended(
    keeping: Runtime, db: Database
) -> None:
    whole = old(db, "sent", 20)
    told = old(db, "sent", 20)
    db.execute("insert into messaging.message_events (job_id, kind) values (%s, 'receipt')", [told])
    waiting, dead = old(db, "held", 20), old(db, "failed", 20)
    db.execute(
        "insert into messaging.message_events (at, kind) values (%s, 'receipt')", [days_ago(db, 20)]
    )
    assert 2 == retention.retain(keeping).events
    assert {told, waiting, dead} == journals(db)
    assert {whole, told, waiting, dead} == left(db)
    assert 2 == one(db, "select count(*) from messaging.message_events where job_id = %s", told)


def test_what_has_no_journal_any_more_is_never_replayed(keeping: Runtime, db: Database) -> None:
    id = old(db, "failed", 20, attempt=1, acknowledged_at=days_ago(db, 20))
    retention.retain(keeping)
    assert id not in journals(db)
    result = one(db, "select result from messaging.replay_as('me', array[%s]::uuid[])", id)
    assert "may_be_out" == result


def test_dead_entries_go_when_their_time_is_over(keeping: Runtime, db: Database) -> None:
    db.execute("select pgmq.send('sms_dlq', '{}') from generate_series(1, 3)")
    db.execute("select pgmq.archive('sms_dlq', 3)")
    db.execute(
        "update pgmq.q_sms_dlq set enqueued_at = now() - interval '91 days' where msg_id = 1"
    )
    db.execute("update pgmq.a_sms_dlq set archived_at = now() - interval '91 days'")
    assert 2 == retention.retain(keeping).letters
    assert 2 == one(db, "select msg_id from pgmq.q_sms_dlq")


def test_processes_that_are_long_silent_are_forgotten(rt: Runtime, db: Database) -> None:
    db.execute(
        """
        insert into messaging.heartbeats (process, role, beaten_at) values
          ('gone', 'web', now() - interval '31 days'), ('silent', 'web', now() - interval '1 day')
        """
    )
    assert 1 == retention.retain(rt).processes
    assert "silent" == one(db, "select process from messaging.heartbeats")


def test_batches_go_on_where_the_last_one_ended(keeping: Runtime, db: Database) -> None:
    """What has to stay is not looked at again with each batch, but it is on another day."""
    stays = [old(db, "sent", 100, idempotency_key=f"k{n}") for n in range(5)]
    gone = [old(db, "sent", 90) for _ in range(5)]
    walk = "select looked, deleted from messaging.forget_jobs('sent', '30 days', null, 4)"
    done = [db.execute(walk).fetchone() for _ in range(4)]
    assert [(4, 0), (4, 3), (2, 2), (0, 0)] == done
    assert set(stays) == left(db)
    assert not set(gone) & left(db)
    change(db, stays[0], {"idempotency_key": None})
    assert (0, 0) == db.execute(walk).fetchone()
    begin_anew(db)
    assert (4, 1) == db.execute(walk).fetchone()


def test_two_at_once_do_not_wait_for_each_other(keeping: Runtime, db: Database) -> None:
    old(db, "sent", 100)
    with db.transaction():
        db.execute("select from messaging.retention_walks for update")
        assert 0 == retention.retain(keeping).jobs
    assert 1 == retention.retain(keeping).jobs


def test_a_row_that_somebody_works_on_is_left_to_the_next_day(
    keeping: Runtime, db: Database
) -> None:
    busy, free = old(db, "sent", 100), old(db, "sent", 100)
    with db.transaction():
        db.execute("select from message_jobs where id = %s for update", [busy])
        assert 1 == retention.retain(keeping).jobs
    assert {busy} == left(db)
    assert free not in left(db)


def test_a_table_that_is_locked_is_left_for_the_next_time(keeping: Runtime, db: Database) -> None:
    old(db, "sent", 100)
    with db.transaction():
        db.execute("lock table message_jobs in access exclusive mode")
        assert 0 == retention.retain(keeping).jobs
    assert 1 == retention.retain(keeping).jobs


@pytest.mark.parametrize("name", KEEP)
def test_a_time_that_is_too_short_is_refused(name: str) -> None:
    with pytest.raises(Misconfigured, match=f"{name} must be 0, for good, or at least 7"):
        load({"DATABASE_URL": "postgresql://x/x", name: "6"})


def begin_anew(db: Database) -> None:
    """Another day has come."""
    db.execute("update messaging.retention_walks set began_at = began_at - interval '2 days'")
