"""What time does to jobs: promotion, the sweep, reconciliation."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import handover, promotion, reconciliation, runtime, tasks, upkeep
from messaging.domain.job import JobId, Lane
from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Call, Kind, Rule
from messaging.postgres import jobs
from messaging.postgres.jobs import Due
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.databases import force
from tests.integration.story import end_leases, entries, in_doubt, insert, kinds, row, take, work

Database = Connection[TupleRow]

NOTHING = Due(promotion=False, doubts=False, recalls=False)
KEPT = {
    "handed_over_at": datetime.now(UTC),
    "recall": "cancel",
    "twilio_sid": "SM00000000000000000000000000000001",
}
"""Of a job that Twilio keeps, and that is wanted back."""


def ahead(db: Database, id: UUID, seconds: float) -> None:
    """Lets time pass for one job: all its times move into the past."""
    db.execute(
        "update message_jobs set due_at = due_at - make_interval(secs => %(s)s), "
        "claimed_at = claimed_at - make_interval(secs => %(s)s) where id = %(id)s",
        {"s": seconds, "id": id},
    )


def test_a_scheduled_job_is_promoted_when_its_time_has_come(rt: Runtime, db: Database) -> None:
    id = insert(db, scheduled_for="2100-01-01T00:00:00Z", priority=9)
    assert 0 == promotion.promote(rt)
    db.execute("select messaging.reschedule(%s, now())", [id])
    assert 1 == promotion.promote(rt)
    assert "pending" == row(db, id).status
    assert [{"job_id": str(id)}] == entries(db, "sms_priority_queue")


def test_a_canceled_job_is_never_promoted(rt: Runtime, db: Database) -> None:
    id = insert(db, scheduled_for="2100-01-01T00:00:00Z")
    db.execute("select messaging.cancel(%s)", [id])
    db.execute("update message_jobs set due_at = now() where id = %s", [id])
    assert 0 == promotion.promote(rt)
    assert ["canceled"] == kinds(db, id)


@pytest.mark.parametrize(
    ("status", "columns", "found"),
    [
        ("scheduled", {}, Due(promotion=True, doubts=False, recalls=False)),
        ("in_doubt", {}, Due(promotion=False, doubts=True, recalls=False)),
        ("scheduled", KEPT, Due(promotion=False, doubts=False, recalls=True)),
    ],
    ids=["promotion", "a doubt", "a recall"],
)
def test_one_look_tells_what_of_the_upkeep_has_something_to_do(
    rt: Runtime, db: Database, status: str, columns: Mapping[str, object], found: Due
) -> None:
    id = force(db, status, **columns, due_at=datetime.now(UTC) + timedelta(hours=1))
    assert NOTHING == jobs.due_now(db, timedelta(0))
    db.execute("update message_jobs set due_at = now() where id = %s", [id])
    assert found == jobs.due_now(db, timedelta(0))


def test_runs_do_not_look_for_doubts_and_recalls_where_the_look_before_promotion_found_none(
    rt: Runtime, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "current", lambda: rt)
    monkeypatch.setattr(reconciliation, "reconcile", lambda _: 7)
    monkeypatch.setattr(handover, "take_back", lambda _: 7)

    def round() -> list[str]:
        tasks.promote()
        told = {"doubts": tasks.reconcile(lasting=1), "recalls": tasks.take_back(lasting=1)}
        return [kind for kind, done in told.items() if done.startswith("7 ")]

    assert [] == round()
    force(db, "in_doubt", due_at=datetime.now(UTC))
    assert ["doubts"] == round()
    force(db, "scheduled", **KEPT, due_at=datetime.now(UTC))
    assert ["doubts", "recalls"] == round()


def test_any_number_of_beats_promote_each_job_once(rt: Runtime, db: Database) -> None:
    db.execute(
        "insert into message_jobs (recipient_phone, message_content, status, scheduled_for) "
        "select '+15555550100', 'n ' || n, 'scheduled', now() from generate_series(1, 3000) n"
    )
    with ThreadPoolExecutor(4) as pool:
        promoted = sum(pool.map(lambda _: promotion.promote(rt), range(4)))
    assert (3000, 3000) == (promoted, len(entries(db)))


def test_a_job_whose_worker_died_is_in_doubt_after_its_lease(rt: Runtime, db: Database) -> None:
    id = JobId(insert(db))
    take(rt)
    with rt.db.connection() as conn:
        jobs.claim(conn, [id], rt.settings.lease)
    assert 0 == upkeep.sweep(rt).in_doubt
    ahead(db, id, rt.settings.send_lease)
    assert 1 == upkeep.sweep(rt).in_doubt
    assert ("in_doubt", ["swept"]) == (row(db, id).status, kinds(db, id))


def test_a_pending_job_without_an_entry_gets_a_new_one(rt: Runtime, db: Database) -> None:
    lost, kept = insert(db, message_content="lost"), insert(db, message_content="kept")
    db.execute("delete from pgmq.q_sms_queue where message ->> 'job_id' = %s", [str(lost)])
    assert 0 == upkeep.sweep(rt).restored
    for id in (lost, kept):
        ahead(db, id, 180)
    assert 1 == upkeep.sweep(rt).restored
    assert 2 == len(entries(db))
    assert 0 == upkeep.sweep(rt).restored


def test_a_text_that_twilio_has_is_found_and_not_sent_again(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_AFTER)
    ahead(db, id, 5)
    assert 1 == reconciliation.reconcile(rt)
    job = row(db, id)
    assert ("sent", [job.twilio_sid]) == (job.status, [m.sid for m in twilio.ledger.outbound])
    assert ["settled", "reconciled"] == kinds(db, id)


def test_a_text_that_twilio_has_not_is_sent_again_after_two_clean_reads(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_BEFORE)
    ahead(db, id, 5)
    assert (0, "in_doubt") == (reconciliation.reconcile(rt), row(db, id).status)
    ahead(db, id, 50)
    assert (0, "in_doubt") == (reconciliation.reconcile(rt), row(db, id).status)
    ahead(db, id, 60)
    assert (1, "pending") == (reconciliation.reconcile(rt), row(db, id).status)
    assert Counter({"sent": 1}) == work(rt).outcomes
    assert (2, 1) == (row(db, id).attempt, len(twilio.ledger.outbound))


def test_a_text_that_is_sent_again_comes_before_those_that_were_never_tried(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    again = in_doubt(rt, db, twilio, Kind.RESET_BEFORE)
    insert(db, message_content="new")
    end_leases(db)
    assert [] == take(rt, most=1), "in doubt, it is looked at and put off"
    for seconds in (5, 120):
        ahead(db, again, seconds)
        reconciliation.reconcile(rt)
    assert "pending" == row(db, again).status
    end_leases(db)
    assert [again] == [hint.job_id for hint in take(rt, most=1)]


def test_the_entry_of_a_text_in_doubt_is_looked_at_when_the_doubt_may_be_over(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_BEFORE)
    for seconds, soonest, latest in [(40, 13, 26), (30, 0, 8)]:
        ahead(db, id, seconds)
        end_leases(db)
        take(rt)
        later = db.execute(
            "select vt - clock_timestamp() between make_interval(secs => %s) "
            "and make_interval(secs => %s) from pgmq.q_sms_queue",
            [soonest, latest],
        )
        assert [(True,)] == later.fetchall()


def test_one_clean_read_is_no_proof_however_late(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_BEFORE)
    ahead(db, id, 3600)
    assert (0, "in_doubt") == (reconciliation.reconcile(rt), row(db, id).status)


def test_a_list_that_does_not_answer_proves_nothing(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_BEFORE)
    twilio.faults.add(Rule(kind=Kind.ERROR_BEFORE, call=Call.LIST))
    for _ in range(4):
        ahead(db, id, 120)
        assert (0, "in_doubt") == (reconciliation.reconcile(rt), row(db, id).status)
    soon = "select due_at < clock_timestamp() + interval '10 s' from message_jobs where id = %s"
    assert (True,) == db.execute(soon, [id]).fetchone(), "Twilio is asked again soon"


def test_texts_in_doubt_are_looked_up_at_the_same_time(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    numbers = [f"+1555555010{n}" for n in range(5)]
    ids = [in_doubt(rt, db, twilio, Kind.RESET_AFTER, recipient_phone=to) for to in numbers]
    for id in ids:
        ahead(db, id, 5)
    twilio.faults.add(Rule(kind=Kind.HANG_BEFORE, call=Call.LIST))
    with ThreadPoolExecutor(1) as pool:
        reconciled = pool.submit(reconciliation.reconcile, rt)
        assert wait_until(lambda: len(twilio.holds.held) == len(ids), limit=10)
        twilio.release()
        assert 5 == reconciled.result()


def test_the_same_words_from_another_sender_are_not_taken_for_ours(
    rt: Runtime, db: Database, twilio: Simulator, environment: dict[str, str]
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_AFTER)
    sender = {"TWILIO_FROM": "+15005550099", "TWILIO_MESSAGING_SERVICE_SID": ""}
    other = runtime.build(load({**environment, **sender}))
    for _ in range(2):
        ahead(db, id, 120)
        reconciliation.reconcile(other)
    assert "held" == row(db, id).status
    other.close()


def test_two_alike_texts_in_doubt_never_share_a_sid(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    first = in_doubt(rt, db, twilio, Kind.RESET_AFTER)
    second = in_doubt(rt, db, twilio, Kind.RESET_BEFORE)
    for seconds in (5, 60, 60):
        for id in (first, second):
            ahead(db, id, seconds)
        reconciliation.reconcile(rt)
    assert ["pending", "sent"] == sorted(row(db, id).status for id in (first, second))


def test_after_two_resends_out_of_doubt_a_person_decides(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    twilio.faults.add(Rule(kind=Kind.RESET_BEFORE))
    id = insert(db)
    for _ in range(3):
        work(rt)
        for seconds in (5, 60, 60):
            ahead(db, id, seconds)
            reconciliation.reconcile(rt)
    assert ("held", 3) == (row(db, id).status, row(db, id).attempt)


@pytest.mark.parametrize(
    ("policy", "status"),
    [("hold", "held"), ("fail", "failed"), ("resend", "retrying"), ("reconcile", "in_doubt")],
)
def test_an_unseen_answer_follows_the_jobs_policy(
    rt: Runtime, db: Database, twilio: Simulator, policy: str, status: str
) -> None:
    twilio.faults.add(Rule(kind=Kind.RESET_BEFORE))
    id = insert(db, in_doubt_policy=policy)
    work(rt)
    assert status == row(db, id).status


@pytest.mark.parametrize(
    ("of_job", "of_template", "status"),
    [
        (None, "hold", "held"),
        (None, "fail", "failed"),
        (None, None, "in_doubt"),
        ("fail", "hold", "failed"),
        ("reconcile", "hold", "in_doubt"),
    ],
)
@pytest.mark.parametrize("dies", [True, False])
def test_a_job_without_a_policy_follows_its_templates(
    rt: Runtime,
    db: Database,
    twilio: Simulator,
    of_job: str | None,
    of_template: str | None,
    status: str,
    dies: bool,
) -> None:
    twilio.faults.add(Rule(kind=Kind.RESET_BEFORE))
    template = db.execute(
        "insert into message_templates (name, content_template, in_doubt_policy) "
        "values ('code', 'Hello', %s) returning id",
        [of_template],
    ).fetchall()[0][0]
    id = JobId(insert(db, template_id=template, in_doubt_policy=of_job))
    if dies:
        take(rt)
        with rt.db.connection() as conn:
            jobs.claim(conn, [id], timedelta(seconds=-1))
        upkeep.sweep(rt)
        reconciliation.reconcile(rt)
    else:
        work(rt)
    assert status == row(db, id).status


@pytest.mark.parametrize(
    ("policy", "status"), [("hold", "held"), ("fail", "failed"), ("resend", "pending")]
)
def test_a_job_that_was_swept_follows_its_policy_too(
    rt: Runtime, db: Database, policy: str, status: str
) -> None:
    id = JobId(insert(db, in_doubt_policy=policy))
    take(rt)
    with rt.db.connection() as conn:
        jobs.claim(conn, [id], timedelta(seconds=-1))
    upkeep.sweep(rt)
    reconciliation.reconcile(rt)
    assert status == row(db, id).status


def test_a_retry_waits_in_the_table_and_comes_back(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    fault = twilio.faults.add(Rule(kind=Kind.TOO_MANY_REQUESTS))
    id = insert(db)
    work(rt)
    assert ("retrying", []) == (row(db, id).status, entries(db))
    twilio.faults.remove(fault)
    ahead(db, id, 3600)
    promotion.promote(rt)
    assert Counter({"sent": 1}) == work(rt, Lane.NORMAL).outcomes


def test_a_job_in_doubt_that_was_canceled_is_not_sent_again(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_BEFORE)
    assert [("canceling",)] == db.execute("select messaging.cancel(%s)", [id]).fetchall()
    for seconds in (5, 60, 60):
        ahead(db, id, seconds)
        reconciliation.reconcile(rt)
    assert ("canceled", []) == (row(db, id).status, twilio.ledger.outbound)


def test_a_job_in_doubt_that_was_canceled_too_late_is_sent(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_AFTER)
    db.execute("select messaging.cancel(%s)", [id])
    ahead(db, id, 5)
    reconciliation.reconcile(rt)
    assert "sent" == row(db, id).status


def test_a_text_that_twilio_may_have_altered_is_held_and_not_sent_again(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = in_doubt(rt, db, twilio, Kind.RESET_AFTER)
    db.execute("update message_jobs set message_content = 'as it was before' where id = %s", [id])
    for seconds in (5, 60, 60):
        ahead(db, id, seconds)
        reconciliation.reconcile(rt)
    assert ("held", 1) == (row(db, id).status, len(twilio.ledger.outbound))
