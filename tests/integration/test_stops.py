"""The kill switch: what is stopped is not claimed, waits, and goes out when it is resumed."""

from datetime import timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import promotion
from messaging.domain.job import Lane
from messaging.local.simulator import Simulator
from messaging.postgres import guards, jobs
from messaging.runtime import Runtime
from tests.integration.story import entries, insert, kinds, row, take, work

Database = Connection[TupleRow]
CANADIAN = "+14165550100"


def stop(db: Database, scope: str = "all", value: str = "") -> bool:
    return guards.stop(db, scope, value, "a wrong text", "ann")


def resume(db: Database, scope: str = "all", value: str = "") -> bool:
    return guards.resume(db, scope, value, "ann")


def test_nothing_is_leased_while_all_is_stopped_and_all_goes_out_afterwards(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    ids = [insert(db), insert(db, priority=9)]
    assert stop(db)
    assert [[], []] == [take(rt, lane) for lane in Lane]
    assert ["pending", "pending"] == [row(db, id).status for id in ids]
    assert 1 == len(entries(db))

    assert resume(db)
    for lane in Lane:
        work(rt, lane)
    assert ["sent", "sent"] == [row(db, id).status for id in ids]
    assert [1, 1] == [row(db, id).attempt for id in ids]


def test_nothing_is_claimed_that_was_handed_out_before_the_stop(rt: Runtime, db: Database) -> None:
    id = insert(db)
    (hint,) = take(rt)
    stop(db)
    assert [] == jobs.claim(db, [hint.job_id], timedelta(seconds=45))
    assert ("pending", 0) == (row(db, id).status, row(db, id).attempt)

    resume(db)
    assert [hint] == take(rt), "its entry is handed out anew at once"


def test_a_lane_is_stopped_without_the_other(rt: Runtime, db: Database) -> None:
    urgent, normal = insert(db, priority=9), insert(db)
    (late,) = take(rt)
    stop(db, "lane", "normal")
    assert [] == take(rt)
    assert [] == jobs.claim(db, [late.job_id], timedelta(seconds=45))
    work(rt, Lane.URGENT)
    assert ["sent", "pending"] == [row(db, id).status for id in (urgent, normal)]


@pytest.mark.parametrize(
    ("scope", "value", "columns"),
    [
        ("country", "CA", {"recipient_phone": CANADIAN}),
        ("country", "ca", {"recipient_phone": CANADIAN}),
        ("country", "+1416", {"recipient_phone": CANADIAN}),
        ("campaign", "spring", {"metadata": '{"campaign": "spring"}'}),
    ],
)
def test_what_is_stopped_waits_outside_of_the_queue_until_it_is_resumed(
    rt: Runtime, db: Database, scope: str, value: str, columns: dict[str, str]
) -> None:
    stop(db, scope, value)
    waiting, other = insert(db, **columns), insert(db)
    work(rt)
    assert ["scheduled", "sent"] == [row(db, id).status for id in (waiting, other)]
    assert [] == entries(db)
    assert 0 == row(db, waiting).attempt
    assert 0 == promotion.promote(rt)
    assert [1] == [one.set_aside for one in guards.active_stops(db)]

    assert resume(db, scope, value)
    assert 1 == promotion.promote(rt)
    work(rt)
    assert "sent" == row(db, waiting).status
    assert ["stopped", "resumed", "settled"] == kinds(db, waiting)


def test_what_was_handed_out_before_its_campaign_was_stopped_is_set_aside_by_its_claim(
    rt: Runtime, db: Database
) -> None:
    id, other = insert(db, metadata='{"campaign": "spring"}'), insert(db)
    hints = take(rt)
    stop(db, "campaign", "spring")
    claims = jobs.claim(db, [hint.job_id for hint in hints], timedelta(seconds=45))
    assert [other] == [claim.id for claim in claims]
    assert "scheduled" == row(db, id).status


def test_a_second_stop_is_none_and_so_is_a_second_end(db: Database) -> None:
    assert [True, False] == [stop(db, "lane", "urgent"), stop(db, "lane", "urgent")]
    assert [True, False] == [resume(db, "lane", "urgent"), resume(db, "lane", "urgent")]
    assert stop(db, "lane", "urgent"), "it can be stopped again"
    (past,) = guards.past_stops(db, 10)
    assert ("ann", "a wrong text", "ann") == (past.stopped_by, past.reason, past.resumed_by)


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        ("all", "CA"),
        ("lane", "fast"),
        ("country", "XX"),
        ("country", "+0"),
        ("campaign", " "),
        ("everything", ""),
    ],
)
def test_what_cannot_be_stopped_is_refused_with_a_hint(
    db: Database, scope: str, value: str
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue) as refusal:
        stop(db, scope, value)
    assert refusal.value.diag.message_hint


def test_one_that_is_given_another_time_while_it_is_stopped_waits_for_that(
    rt: Runtime, db: Database
) -> None:
    stop(db, "country", "CA")
    id = insert(db, recipient_phone=CANADIAN)
    work(rt)
    db.execute("select messaging.reschedule(%s, now() + interval '1 hour')", [id])
    resume(db, "country", "CA")
    assert 0 == promotion.promote(rt)
    assert "scheduled" == row(db, id).status
