"""Native scheduling: handing texts over to Twilio, and taking them back."""

import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import handover, promotion, reconciliation, runtime
from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Call, Kind, Rule
from messaging.postgres import kept
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.story import entries, insert, kinds, row
from tests.integration.test_time import ahead

Database = Connection[TupleRow]


@pytest.fixture
def rt(environment: dict[str, str]) -> Iterator[Runtime]:
    opened = runtime.build(load({**environment, "TWILIO_NATIVE_SCHEDULING": "true"}))
    yield opened
    opened.close()


def later(db: Database, wait: timedelta = timedelta(hours=2), **columns: object) -> UUID:
    (time,) = db.execute("select now() + %s", [wait]).fetchall()[0]
    return insert(db, scheduled_for=time, **columns)


def statuses(twilio: Simulator) -> list[str]:
    return [message.status for message in twilio.ledger.outbound]


def test_a_text_within_twilios_window_is_handed_over_and_not_promoted(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = later(db)
    assert 1 == handover.hand_over(rt)
    job = row(db, id)
    assert ("scheduled", "scheduled") == (job.status, job.delivery_status)
    assert [job.twilio_sid] == [message.sid for message in twilio.ledger.outbound]
    ahead(db, id, 3 * 3600)
    assert (0, 0) == (promotion.promote(rt), handover.hand_over(rt))
    assert ["scheduled"] == statuses(twilio)


def test_texts_are_handed_over_one_after_the_other_at_the_limit(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    limits = {"TWILIO_RATE_LIMIT_PER_MINUTE": "1500", "TWILIO_NATIVE_SCHEDULING": "true"}
    rt = runtime.build(load({**environment, **limits}))
    later(db, message_content="An emptied Redis waits for a while, before its first text.")
    assert wait_until(lambda: handover.hand_over(rt) == 1, limit=60)
    for n in range(8):
        later(db, message_content=f"n {n}")
    begin = time.time()
    taken = [handover.hand_over(rt)]
    while sum(taken) < 8:
        taken.append(handover.hand_over(rt))
    # A text may come late, never early: the last one's slot is seven after the first's.
    assert max(message.created_at for message in twilio.ledger.outbound) - begin > 7 * 0.0402
    (missed,) = db.execute("select sum(attempt) - 9 from message_jobs").fetchall()[0]
    assert len(taken) <= 1 + missed, "a grant is of three at most, a run of many grants"
    rt.close()


@pytest.mark.parametrize("wait", [timedelta(minutes=14), timedelta(days=34, minutes=1)])
def test_a_text_near_the_edge_of_the_window_stays_here(
    rt: Runtime, db: Database, twilio: Simulator, wait: timedelta
) -> None:
    later(db, wait)
    assert (0, []) == (handover.hand_over(rt), statuses(twilio))


def test_a_text_canceled_here_is_canceled_at_twilio(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = later(db)
    handover.hand_over(rt)
    assert [("canceling",)] == db.execute("select messaging.cancel(%s)", [id]).fetchall()
    assert 1 == handover.take_back(rt)
    assert ("canceled", ["canceled"]) == (row(db, id).status, statuses(twilio))
    assert ["settled", "canceling", "recalled"] == kinds(db, id)


def test_a_rescheduled_text_comes_back_and_waits_here(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = later(db)
    handover.hand_over(rt)
    db.execute("select messaging.reschedule(%s, now() + interval '1 minute')", [id])
    handover.take_back(rt)
    assert ("scheduled", None) == (row(db, id).status, row(db, id).twilio_sid)
    ahead(db, id, 60)
    assert 1 == promotion.promote(rt)
    assert ["canceled"] == statuses(twilio)


def test_a_text_that_twilio_has_begun_to_send_is_too_late_to_take_back(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = later(db)
    handover.hand_over(rt)
    twilio.advance(3 * 3600)
    db.execute("select messaging.cancel(%s)", [id])
    assert 0 == handover.take_back(rt)
    ahead(db, id, 3600)
    assert 1 == handover.follow(rt)
    assert "sent" == row(db, id).status


def test_a_cancel_that_twilio_does_not_answer_is_asked_again(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = later(db)
    handover.hand_over(rt)
    db.execute("select messaging.cancel(%s)", [id])
    fault = twilio.faults.add(Rule(kind=Kind.ERROR_BEFORE, call=Call.UPDATE))
    assert (0, "scheduled") == (handover.take_back(rt), row(db, id).status)
    twilio.faults.remove(fault)
    ahead(db, id, 60)
    assert (1, "canceled") == (handover.take_back(rt), row(db, id).status)


def test_what_twilio_will_not_keep_stays_here_and_is_never_sent_now(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    fault = twilio.faults.add(Rule(kind=Kind.REJECT, code=35114))
    id = later(db)
    assert (0, "scheduled") == (handover.hand_over(rt), row(db, id).status)
    twilio.faults.remove(fault)
    assert 0 == handover.hand_over(rt), "it is not offered again"
    assert ([], []) == (statuses(twilio), entries(db))
    ahead(db, id, 3 * 3600)
    assert 1 == promotion.promote(rt)


def test_a_handover_in_doubt_that_twilio_has_is_found_and_kept_there(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    twilio.faults.add(Rule(kind=Kind.RESET_AFTER, count=1))
    id = later(db)
    handover.hand_over(rt)
    assert "in_doubt" == row(db, id).status
    ahead(db, id, 5)
    reconciliation.reconcile(rt)
    assert ("scheduled", "scheduled") == (row(db, id).status, row(db, id).delivery_status)
    assert 0 == handover.hand_over(rt)


def test_a_handover_in_doubt_that_twilio_has_not_goes_back_to_waiting(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    twilio.faults.add(Rule(kind=Kind.RESET_BEFORE, count=1))
    id = later(db)
    handover.hand_over(rt)
    for seconds in (5, 60, 60):
        ahead(db, id, seconds)
        reconciliation.reconcile(rt)
    assert ("scheduled", None) == (row(db, id).status, row(db, id).twilio_sid)
    assert [] == entries(db)


def test_a_text_that_was_deleted_at_twilio_fails_and_is_not_asked_after_for_ever(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = later(db)
    handover.hand_over(rt)
    twilio.reset()
    ahead(db, id, 3 * 3600)
    assert 1 == handover.follow(rt)
    assert "failed" == row(db, id).status


def test_a_slow_take_back_does_not_touch_a_newer_handover(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = later(db)
    handover.hand_over(rt)
    db.execute("select messaging.reschedule(%s, now() + interval '3 hours')", [id])
    with rt.db.connection() as conn:
        (slow,) = kept.recall_due(conn, timedelta(seconds=0))
    handover.take_back(rt)
    handover.hand_over(rt)
    db.execute("select messaging.reschedule(%s, now() + interval '4 hours')", [id])
    with rt.db.connection() as conn:
        assert kept.recalled(conn, [slow]) == set()
    assert row(db, id).twilio_sid is not None
