"""Deadlines: what cannot be sent in time expires, wherever it waits, and is never sent later."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging import Draft, Messaging, promotion, reconciliation, runtime
from messaging.domain.job import JobId, Lane
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind
from messaging.postgres import dead, jobs, messages
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.databases import change, force, one
from tests.integration.story import entries, in_doubt, insert, kinds, row, take, work

Database = Connection[TupleRow]

DEADLINE = datetime(2089, 1, 1, tzinfo=UTC)
LATER = datetime(2090, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def pass_deadline(db: Database, id: UUID) -> None:
    """Lets the time come in which the job expires."""
    db.execute("update message_jobs set expires_at = now() where id = %s", [id])


def deadline(db: Database, id: UUID) -> object:
    return one(db, "select expires_at from message_jobs where id = %s", id)


def lifetime(db: Database, id: UUID) -> object:
    """How long after its time, or its hand-over, the job expires."""
    return one(
        db,
        "select round(extract(epoch from expires_at - coalesce(scheduled_for, created_at)))::int "
        "from message_jobs where id = %s",
        id,
    )


@pytest.mark.parametrize("status", ["scheduled", "pending", "retrying"])
def test_what_waits_past_its_deadline_expires_without_a_worker(
    rt: Runtime, db: Database, status: str
) -> None:
    id = force(db, status, expires_at=DEADLINE, due_at=LATER)
    kept = force(db, status, expires_at=DEADLINE, due_at=LATER)
    bare = force(db, status, due_at=LATER)
    promotion.promote(rt)
    assert status == row(db, id).status
    pass_deadline(db, id)
    promotion.promote(rt)
    assert ("expired", status, status) == tuple(row(db, one).status for one in (id, kept, bare))
    assert ["expired"] == kinds(db, id)


@pytest.mark.parametrize("status", ["processing", "in_doubt", "held", "sent", "failed", "canceled"])
def test_what_does_not_wait_for_us_does_not_expire(rt: Runtime, db: Database, status: str) -> None:
    id = force(db, status, expires_at=DEADLINE, due_at=LATER)
    pass_deadline(db, id)
    promotion.promote(rt)
    assert status == row(db, id).status


def test_what_twilio_keeps_is_left_to_twilio(rt: Runtime, db: Database) -> None:
    id = force(db, "scheduled", expires_at=DEADLINE, handed_over_at=LONG_AGO, due_at=LATER)
    pass_deadline(db, id)
    promotion.promote(rt)
    assert "scheduled" == row(db, id).status


def test_what_has_expired_leaves_the_queue_when_the_bridge_comes_to_it(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    pass_deadline(db, insert(db, expires_at=DEADLINE))
    promotion.promote(rt)
    assert Counter() == work(rt).outcomes
    assert ([], []) == (entries(db), list(twilio.ledger.outbound))


@pytest.mark.parametrize("scheduled_for", [None, LATER])
def test_a_row_that_cannot_be_sent_in_time_is_stored_as_expired(
    db: Database, scheduled_for: datetime | None
) -> None:
    expires_at = LONG_AGO if scheduled_for is None else DEADLINE
    id = insert(db, expires_at=expires_at, scheduled_for=scheduled_for)
    assert ("expired", []) == (row(db, id).status, entries(db))
    message = messages.show(db, JobId(id))
    assert message
    assert {"message": "Its deadline had passed when it was handed over."} == message.error_details


def test_enqueue_takes_deadlines_and_refuses_those_that_make_no_sense(db: Database) -> None:
    drafts: list[dict[str, object]] = [
        {"expires_at": DEADLINE.isoformat()},
        {"expires_at": DEADLINE.isoformat(), "scheduled_for": LATER.isoformat()},
        {"expires_at": "infinity"},
        {"expires_in": "-1 hour"},
        {"max_carrier_retries": 4},
        {"max_carrier_retries": 2},
        {"expires_in": 600},
        {"expires_in": "1 hour", "scheduled_for": LATER.isoformat()},
    ]
    hello: dict[str, object] = {"recipient_phone": "+15555550100", "message_content": "Hello"}
    answers = db.execute(
        "select id, result, reason from messaging.enqueue(%s) order by position",
        [Jsonb([{**hello, **draft} for draft in drafts])],
    ).fetchall()
    assert [None, *_SENTENCES, None, None, None] == [
        next((part for part in _SENTENCES if part in (reason or "")), reason)
        for _, _, reason in answers
    ]
    assert DEADLINE == deadline(db, answers[0][0])
    asked = "select max_carrier_retries from message_jobs where id = %s"
    assert 2 == one(db, asked, answers[5][0])
    assert [600, 3600] == [lifetime(db, id) for id, _, _ in answers[6:]]


_SENTENCES = ("after scheduled_for", "between the years", "from a second", "from 0 to 3")


def test_a_draft_of_python_keeps_its_deadline(environment: dict[str, str], db: Database) -> None:
    with Messaging(load(environment)) as outbox:
        drafts = [
            Draft(to="+15555550100", body="1", expires_at=DEADLINE, max_carrier_retries=1),
            Draft(to="+15555550100", body="2"),
            # One that cannot be stored sends all of them the long way.
            Draft(to="+15555550100", body="3", user_id=UUID(int=1), metadata={"a": "\\u0000"}),
        ]
        ids = [answer.id for answer in outbox.enqueue_many(drafts) if answer.id]
    assert [DEADLINE, None] == [deadline(db, id) for id in ids[:2]]
    assert 1 == one(db, "select max_carrier_retries from message_jobs where id = %s", ids[0])


@pytest.mark.parametrize("scheduled_for", [None, DEADLINE])
def test_a_lane_has_a_deadline_for_those_that_have_none(
    environment: dict[str, str], db: Database, scheduled_for: datetime | None
) -> None:
    """By every door; from the time on at which it is to be sent."""
    settings = load({**environment, "MESSAGING_EXPIRES_URGENT": "600"})
    with Messaging(settings) as outbox:
        urgent, normal, own = (
            outbox.enqueue(
                Draft(
                    to="+15555550100",
                    body="Hello",
                    priority=priority,
                    scheduled_for=scheduled_for,
                    expires_at=expires_at,
                )
            )
            for priority, expires_at in ((9, None), (0, None), (9, LATER))
        )
    assert (600, None, LATER) == (lifetime(db, urgent), deadline(db, normal), deadline(db, own))


def test_a_bare_row_gets_its_lanes_deadline_when_it_is_prepared(
    environment: dict[str, str], db: Database
) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_EXPIRES_NORMAL": "600"}))
    bare, own = insert(db), insert(db, expires_at=DEADLINE)
    take(rt)
    rt.close()
    assert (600, DEADLINE) == (lifetime(db, bare), deadline(db, own))


def test_twilio_is_told_how_long_a_text_is_good(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    seconds = {"minutes": 600, "days": 172_800, "soon": 0.5}
    for body, left in seconds.items():
        id = insert(db, message_content=body, expires_at=LATER)
        db.execute(
            "update message_jobs set expires_at = now() + make_interval(secs => %s) where id = %s",
            [left, id],
        )
    work(rt)
    told = {text.body: text.validity for text in twilio.ledger.outbound}
    assert {"minutes", "days"} == told.keys()
    assert (True, 36_000) == (0 < told["minutes"] < 600, told["days"])


@pytest.mark.parametrize("policy", ["reconcile", "resend"])
def test_what_is_in_doubt_past_its_deadline_is_looked_up_and_not_sent_again(
    environment: dict[str, str], db: Database, twilio: Simulator, policy: str
) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_QUIESCENCE": "40"}))
    id = in_doubt(rt, db, twilio, Kind.RESET_BEFORE, expires_at=DEADLINE)
    change(db, id, {"in_doubt_policy": policy})
    pass_deadline(db, id)
    for _ in range(2):
        db.execute(
            "update message_jobs set due_at = now(), claimed_at = now() - interval '1 hour' "
            "where id = %s and status = 'in_doubt'",
            [id],
        )
        reconciliation.reconcile(rt)
    rt.close()
    job = row(db, id)
    assert ("expired", 1) == (job.status, job.attempt)
    assert [] == list(twilio.ledger.outbound)
    may_be_out = one(db, "select messaging.may_be_out(j) from message_jobs j where id = %s", id)
    assert (policy == "resend") is may_be_out


def test_what_is_in_doubt_and_found_is_sent_whatever_its_deadline(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_AFTER, expires_at=DEADLINE)
    pass_deadline(db, id)
    db.execute("update message_jobs set due_at = now() where id = %s", [id])
    reconciliation.reconcile(rt)
    assert "sent" == row(db, id).status


def test_what_the_review_withheld_is_proved_not_to_have_gone_out(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = insert(db, expires_at=DEADLINE)
    pass_deadline(db, id)
    assert Counter({"expired": 1}) == work(rt).outcomes
    assert False is one(db, "select messaging.may_be_out(j) from message_jobs j where id = %s", id)


def test_a_replay_keeps_the_deadline_and_none_is_made_past_it(db: Database) -> None:
    in_time, late = (
        JobId(force(db, "failed", attempt=1, expires_at=DEADLINE, max_carrier_retries=2))
        for _ in range(2)
    )
    for id in (in_time, late):
        db.execute(
            "insert into messaging.message_events (job_id, kind, attempt, details) "
            "values (%s, 'settled', 1, '{\"answer\": \"rejected\"}')",
            [id],
        )
    pass_deadline(db, late)
    ended = dead.replay(db, [in_time, late], None, again=False, dry_run=False)
    assert {in_time: "replayed", late: "past_deadline"} == {one.id: one.result for one in ended}
    new_id = next(one.new_id for one in ended if one.id == in_time)
    assert new_id
    assert DEADLINE == deadline(db, new_id)


def test_a_message_is_not_moved_past_its_deadline(db: Database) -> None:
    id = insert(db, scheduled_for="2088-01-01", expires_at=DEADLINE)
    assert "past_deadline" == messages.reschedule(db, JobId(id), LATER)
    assert "rescheduled" == messages.reschedule(db, JobId(id), DEADLINE - timedelta(days=1))
    assert "scheduled" == row(db, id).status


def test_what_expires_soon_overtakes_the_backlog_the_next_to_expire_first(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_HURRY_WITHIN": "36000"}))
    for n in range(5):
        insert(db, message_content=f"all day {n}")
    for hours in (20, 9, 8):
        id = insert(db, message_content=f"{hours} hours", expires_at=DEADLINE)
        db.execute(
            "update message_jobs set expires_at = now() + make_interval(secs => %s) where id = %s",
            [hours * 3600, id],
        )
    promotion.promote(rt)
    promotion.promote(rt)
    assert 2 == len(entries(db, "sms_priority_queue"))
    work(rt, Lane.URGENT)
    assert ["8 hours", "9 hours"] == [text.body for text in twilio.ledger.outbound]
    work(rt)
    rt.close()
    assert (8, []) == (len(twilio.ledger.outbound), entries(db))


def test_no_more_overtake_than_the_urgent_queue_has_room_for(db: Database) -> None:
    for priority in (9, 9, 0, 0, 0):
        insert(db, priority=priority, expires_at=DEADLINE)
    far = timedelta(days=40_000)
    assert [1, 0] == [jobs.hurry(db, far, 3), jobs.hurry(db, far, 3)]
    assert 3 == len(entries(db, "sms_priority_queue"))
    assert 2 == jobs.hurry(db, far, 10)
