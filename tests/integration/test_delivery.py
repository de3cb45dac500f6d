"""Delivery against a real Postgres, a real Valkey and the simulator."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging import delivery, runtime
from messaging.domain.answers import Accepted, NotSent
from messaging.domain.job import JobId, Lane, Sid, Status
from messaging.domain.outcome import outcome
from messaging.line import packed, unpacked
from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind, Rule
from messaging.postgres import jobs
from messaging.runtime import Runtime
from messaging.settings import load
from messaging.steps.sending import send_claims
from tests.integration.story import entries, insert, kinds, row, stopped, take, work

Database = Connection[TupleRow]


def sent_bodies(twilio: Simulator) -> list[str]:
    return [message.body for message in twilio.ledger.outbound]


def await_sent(rt: Runtime, twilio: Simulator, texts: int) -> None:
    """Works until Twilio has so many: on a busy machine one may miss its slot, and comes again."""

    def has_all() -> bool:
        work(rt)
        return texts == len(sent_bodies(twilio))

    assert wait_until(has_all, limit=60)


def test_a_bare_insert_reaches_twilio_once(rt: Runtime, db: Database, twilio: Simulator) -> None:
    id = insert(db, message_content="Hello")
    assert Counter({"sent": 1}) == work(rt).outcomes

    job = row(db, id)
    assert ("sent", 1, "accepted") == (job.status, job.attempt, job.delivery_status)
    assert [job.twilio_sid] == [message.sid for message in twilio.ledger.outbound]
    assert ["settled"] == kinds(db, id)
    assert [] == entries(db)


def test_a_hint_that_comes_twice_sends_once(rt: Runtime, db: Database, twilio: Simulator) -> None:
    insert(db)
    hints = take(rt)
    delivery.deliver(rt, Lane.NORMAL, hints)
    assert Counter() == delivery.deliver(rt, Lane.NORMAL, hints).outcomes
    assert ["Hello"] == sent_bodies(twilio)


def test_the_entry_of_a_second_hint_is_looked_at_again_soon(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = insert(db)
    first = take(rt)
    db.execute("select pgmq.send('sms_queue', %s)", [Jsonb({"job_id": str(id)})])
    second = take(rt)
    delivery.deliver(rt, Lane.NORMAL, first)
    delivery.deliver(rt, Lane.NORMAL, second)
    soon = "select count(*) from pgmq.q_sms_queue where vt < clock_timestamp() + interval '3 s'"
    assert (1,) == db.execute(soon).fetchone()
    assert wait_until(lambda: take(rt) == [] and entries(db) == [], limit=30)
    assert ["Hello"] == sent_bodies(twilio)


def test_a_claim_is_won_by_exactly_one_worker(rt: Runtime, db: Database) -> None:
    ids = [JobId(insert(db, message_content=f"n {n}")) for n in range(50)]
    take(rt)

    def claim(_: int) -> list[UUID]:
        with rt.db.connection() as conn:
            return [claim.id for claim in jobs.claim(conn, ids, timedelta(seconds=45))]

    with ThreadPoolExecutor(8) as pool:
        claimed = [id for won in pool.map(claim, range(8)) for id in won]
    assert sorted(ids) == sorted(claimed)


def test_many_jobs_in_one_task_are_all_sent(rt: Runtime, db: Database, twilio: Simulator) -> None:
    for n in range(60):
        insert(db, message_content=f"n {n}")
    assert Counter({"sent": 60}) == work(rt).outcomes
    assert sorted(f"n {n}" for n in range(60)) == sorted(sent_bodies(twilio))


@pytest.mark.parametrize(
    ("fault", "status", "sends"),
    [
        (Rule(kind=Kind.REJECT, code=21211), "failed", 0),
        (Rule(kind=Kind.REJECT, code=99999), "failed", 0),
        (Rule(kind=Kind.REJECT, code=30022), "retrying", 0),
        (Rule(kind=Kind.REJECT, code=21606), "retrying", 0),
        (Rule(kind=Kind.TOO_MANY_REQUESTS), "retrying", 0),
        (Rule(kind=Kind.ERROR_BEFORE), "in_doubt", 0),
        (Rule(kind=Kind.ERROR_AFTER), "in_doubt", 1),
        (Rule(kind=Kind.RESET_BEFORE), "in_doubt", 0),
        (Rule(kind=Kind.RESET_AFTER), "in_doubt", 1),
        (Rule(kind=Kind.TRUNCATE), "in_doubt", 1),
        (Rule(kind=Kind.NO_SID), "in_doubt", 1),
    ],
    ids=lambda value: f"{value.kind} {value.code or ''}" if isinstance(value, Rule) else "",
)
def test_each_answer_of_twilio_leads_to_its_status_and_is_not_repeated(
    rt: Runtime, db: Database, twilio: Simulator, fault: Rule, status: str, sends: int
) -> None:
    twilio.faults.add(fault)
    id = insert(db)
    assert Counter({status: 1}) == work(rt).outcomes
    assert (status, 1, 0) == (row(db, id).status, row(db, id).attempt, row(db, id).retry_count)
    assert (1 if status == "in_doubt" else 0) == len(entries(db)), "one in doubt keeps its place"
    assert Counter() == work(rt).outcomes
    assert sends == len(sent_bodies(twilio))


def test_an_unreachable_twilio_costs_no_retry(environment: dict[str, str], db: Database) -> None:
    rt = runtime.build(load({**environment, "TWILIO_API_BASE_URL": "http://127.0.0.1:9"}))
    id = insert(db)
    assert Counter({"retrying": 1}) == work(rt).outcomes
    assert ("retrying", 0) == (row(db, id).status, row(db, id).retry_count)
    rt.close()


def test_wrong_credentials_pause_sending_and_keep_the_messages(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "TWILIO_AUTH_TOKEN": "wrong"}))
    first, second = insert(db), insert(db, message_content="second")
    hints = take(rt)
    delivery.deliver(rt, Lane.NORMAL, hints[:1])
    later = delivery.deliver(rt, Lane.NORMAL, hints[1:])
    assert 1 == later.put_off
    assert "retrying" == row(db, first).status
    assert ("pending", 0) == (row(db, second).status, row(db, second).attempt)
    assert [] == sent_bodies(twilio)
    rt.close()


def test_what_the_throttle_does_not_grant_is_put_off_unclaimed(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "TWILIO_RATE_LIMIT_PER_MINUTE": "3"}))
    ids = [insert(db, message_content=f"n {n}") for n in range(5)]
    done = work(rt)
    assert (Counter(), 5) == (done.outcomes, done.put_off)
    assert [("pending", 0)] * 5 == [(row(db, id).status, row(db, id).attempt) for id in ids]
    assert 5 == len(entries(db))
    rt.close()


def test_texts_are_sent_one_after_the_other_at_the_limit(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "TWILIO_RATE_LIMIT_PER_SECOND": "50"}))
    for n in range(12):
        insert(db, message_content=f"n {n}")
    await_sent(rt, twilio, 12)
    times = [message.created_at for message in twilio.ledger.outbound]
    assert 12 == len(times)
    # Eleven gaps of 20.4 ms, the last of which may end as late as a text may begin.
    assert times[-1] - times[0] > 11 * 0.0204 - 0.041
    assert [] == [a for a, b in zip(times, times[3:], strict=False) if b - a < 0.0204]
    rt.close()


def test_a_limit_in_segments_spreads_long_texts_further(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    limits = {"TWILIO_RATE_LIMIT_PER_MINUTE": "1500", "TWILIO_RATE_LIMIT_UNIT": "segments"}
    rt = runtime.build(load({**environment, **limits}))
    insert(db, message_content="An emptied Redis waits for a while, before its first text.")
    await_sent(rt, twilio, 1)
    for n in range(5):
        insert(db, message_content=f"{n} " + "long " * 80)
    hints = take(rt)
    assert [3] * 5 == [hint.segments for hint in hints]
    assert hints == unpacked(json.loads(json.dumps(packed(hints))))
    begin = time.time()
    delivery.deliver(rt, Lane.NORMAL, hints)
    await_sent(rt, twilio, 6)
    # A text may come late, never early: the last one's slot is twelve segments after the first's.
    assert max(message.created_at for message in twilio.ledger.outbound) - begin > 12 * 0.0402
    rt.close()


def test_a_limit_in_messages_puts_no_segments_into_celery(rt: Runtime, db: Database) -> None:
    insert(db, message_content="long " * 100)
    assert [1] == [hint.segments for hint in take(rt)]


def test_a_claim_that_takes_long_costs_no_slot(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "TWILIO_RATE_LIMIT_PER_SECOND": "50"}))
    db.execute(
        "create function dawdle() returns trigger language plpgsql as $$ begin "
        "perform pg_sleep(0.2); return new; end $$"
    )
    db.execute(
        "create trigger dawdle before update on message_jobs for each row "
        "when (new.status = 'processing') execute function dawdle()"
    )
    id = insert(db)
    assert Counter({"sent": 1}) == work(rt).outcomes
    assert 1 == row(db, id).attempt
    rt.close()


def test_a_claimed_text_that_gets_no_slot_costs_no_retry_and_is_tried_again_soon(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "TWILIO_RATE_LIMIT_PER_MINUTE": "3"}))
    insert(db)
    [hint] = take(rt)
    with rt.db.connection() as conn:
        [claim] = jobs.claim(conn, [hint.job_id], timedelta(seconds=45))
    began = rt.monotonic()
    assert not rt.throttle.slots([1], Lane.NORMAL).slots, "the next one is 20 s away"
    [[attempt]] = send_claims(rt, [claim], began + rt.settings.send_deadline)
    assert rt.monotonic() - began < 2, "that is known at once"
    assert isinstance(attempt.answer, NotSent)
    assert (0, Status.RETRYING) == (attempt.outcome.retry_count or 0, attempt.outcome.status)
    assert timedelta(seconds=1) == attempt.outcome.due_in
    assert [] == sent_bodies(twilio)
    rt.close()


def test_twilio_that_refuses_even_single_requests_pauses_sending_for_as_long_as_it_asks(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    twilio.faults.add(Rule(kind=Kind.TOO_MANY_REQUESTS, retry_after=30))
    for n in range(4):
        id = insert(db, message_content=f"n {n}")
        assert ({}, Counter({"retrying": 1})) == (stopped(rt), work(rt).outcomes)
    assert (1, 0) == (row(db, id).attempt, row(db, id).retry_count)
    assert ["account"] == list(stopped(rt))
    id = insert(db, message_content="It waits")
    assert 1 == work(rt).put_off
    assert 0 == row(db, id).attempt


def test_a_request_is_not_written_after_its_deadline(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    late = replace(rt, settings=rt.settings.model_copy(update={"send_deadline": -1.0}))
    id = insert(db)
    assert Counter({"retrying": 1}) == work(late).outcomes
    assert (0, []) == (row(db, id).retry_count, sent_bodies(twilio))


def test_a_refused_message_keeps_twilios_code(rt: Runtime, db: Database, twilio: Simulator) -> None:
    twilio.faults.add(Rule(kind=Kind.REJECT, code=21617))
    id = insert(db)
    work(rt)
    assert ("failed", 21617) == (row(db, id).status, row(db, id).error_code)


def test_a_stale_worker_writes_nothing(rt: Runtime, db: Database) -> None:
    id = JobId(insert(db))
    take(rt)
    with rt.db.connection() as conn:
        (claim,) = jobs.claim(conn, [id], timedelta(seconds=-1))
        assert [id] == jobs.sweep_processing(conn)
    stale = outcome(claim, NotSent(reason="too late"), rt.rules, rt.dice)
    with rt.db.connection() as conn:
        assert set() == jobs.settle(conn, [stale], Lane.NORMAL.queue)
    assert "in_doubt" == row(db, id).status


def test_a_late_acceptance_settles_a_job_that_was_swept(rt: Runtime, db: Database) -> None:
    id = JobId(insert(db))
    take(rt)
    with rt.db.connection() as conn:
        (claim,) = jobs.claim(conn, [id], timedelta(seconds=-1))
        jobs.sweep_processing(conn)
        late = outcome(
            claim, Accepted(sid=Sid("SM" + "0" * 32), status="queued"), rt.rules, rt.dice
        )
        assert {id} == jobs.settle(conn, [late], Lane.NORMAL.queue)
    assert "sent" == row(db, id).status


def test_an_answer_is_written_although_the_connection_broke(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    """A trigger ends the connection of the first settle, as a restart of Postgres would."""
    db.execute("create sequence tries")
    db.execute(
        "create function break_once() returns trigger language plpgsql as $$ begin "
        "if nextval('tries') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if; "
        "return new; end $$"
    )
    db.execute(
        "create trigger break_once before update on message_jobs for each row "
        "when (new.status = 'sent') execute function break_once()"
    )
    ids = [insert(db, message_content=f"n {n}") for n in range(3)]
    assert Counter({"sent": 3}) == work(rt).outcomes
    assert {"sent"} == {row(db, id).status for id in ids}
    assert 3 == len(sent_bodies(twilio))


def test_a_row_that_cannot_be_settled_does_not_cost_the_others_their_answers(
    rt: Runtime, db: Database
) -> None:
    db.execute("alter table message_jobs add check (message_content <> 'no' or status <> 'sent')")
    bad, good = insert(db, message_content="no"), insert(db, message_content="yes")
    work(rt)
    assert ("processing", "sent") == (row(db, bad).status, row(db, good).status)


def test_a_sender_that_cannot_reach_one_recipient_does_not_stop_the_rest(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    twilio.faults.add(Rule(kind=Kind.REJECT, code=21703, count=1))
    insert(db)
    assert Counter({"retrying": 1}) == work(rt).outcomes
    assert {} == stopped(rt)
    insert(db)
    assert Counter({"sent": 1}) == work(rt).outcomes


def test_an_unreachable_twilio_pauses_sending_for_a_moment(
    environment: dict[str, str], db: Database
) -> None:
    rt = runtime.build(load({**environment, "TWILIO_API_BASE_URL": "http://127.0.0.1:9"}))
    for n in range(12):
        insert(db, message_content=f"n {n}")
    done = work(rt)
    assert (Counter({"retrying": 10}), 2) == (done.outcomes, done.put_off), "one by one"
    assert ["account"] == list(stopped(rt))
    rt.close()


def test_a_text_whose_deadline_has_passed_is_not_sent(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    late = insert(db, message_content="late", expires_at="2090-01-01")
    db.execute("update message_jobs set expires_at = '2020-01-01' where id = %s", [late])
    in_time = insert(db, message_content="in time", expires_at="2090-01-01")
    assert Counter({"sent": 1, "expired": 1}) == work(rt).outcomes
    assert ["in time"] == sent_bodies(twilio)
    assert ("expired", "sent") == (row(db, late).status, row(db, in_time).status)
    assert ["settled"] == kinds(db, late)
    assert [] == entries(db)


def test_no_request_is_begun_after_a_texts_own_deadline(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    """It passes the review, and its deadline comes before it is sent."""
    id = insert(db)
    [hint] = take(rt)
    with rt.db.connection() as conn:
        [claim] = jobs.claim(conn, [hint.job_id], timedelta(seconds=45))
    now = rt.monotonic()
    soon = replace(claim, expires_in=timedelta(milliseconds=200))
    [[attempt]] = send_claims(
        rt,
        [soon],
        now + rt.settings.send_deadline,
    )
    assert isinstance(attempt.answer, NotSent)
    assert [] == sent_bodies(twilio)
    assert "processing" == row(db, id).status
