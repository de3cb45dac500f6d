"""Caps: what is claimed never comes to more than they allow, however many claim at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import delivery, runtime
from messaging.domain.caps import Caps
from messaging.domain.job import JobId, Lane
from messaging.domain.outcome import Outcome
from messaging.domain.quiet_hours import QuietHours
from messaging.domain.review import Rulebook, Suppress, withhold
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind, Rule
from messaging.postgres import jobs
from messaging.settings import load
from tests.integration.story import insert, kinds, row, take, work

Database = Connection[TupleRow]
LEASE = timedelta(seconds=45)
CLAIMERS = 50


def ready(db: Database, count: int = 1, **columns: object) -> list[JobId]:
    """Jobs that are prepared, and could be claimed."""
    values = {"prepared_at": "now", "segments": 1, **columns}
    return [JobId(insert(db, **values)) for _ in range(count)]


def claim(db: Database, ids: list[JobId], caps: Caps) -> list[JobId]:
    return [claimed.id for claimed in jobs.claim(db, ids, LEASE, caps)]


def counted(db: Database) -> list[tuple[int, int, Decimal]]:
    """Messages, segments and dollars of each hour and day."""
    rows = db.execute("select messages, segments, usd from messaging.cap_counts")
    return [(messages, segments, usd) for messages, segments, usd in rows]


def is_full(db: Database, caps: Caps) -> bool:
    values = {"caps": psycopg.types.json.Jsonb(caps.row())}
    found = db.execute("select messaging.is_full(%(caps)s)", values).fetchone()
    assert found is not None
    return bool(found[0])


@pytest.mark.parametrize(
    ("caps", "segments", "most"),
    [
        (Caps(messages_hour=120), 1, 120),
        (Caps(messages_day=119), 1, 119),
        (Caps(segments_hour=100), 3, 33),
        (Caps(segments_day=100, messages_hour=20), 3, 20),
        (Caps(usd_day=Decimal("0.50")), 1, 37),
        (Caps(recipient_hour=7, messages_hour=1000), 1, 7),
    ],
)
def test_fifty_who_claim_at_once_get_no_more_than_the_cap(
    database_url: str, db: Database, caps: Caps, segments: int, most: int
) -> None:
    ids = ready(db, 300, segments=segments)
    groups = [ids[start::CLAIMERS] for start in range(CLAIMERS)]

    def claim_some(group: list[JobId]) -> int:
        with psycopg.connect(database_url) as conn:
            return len(claim(conn, group, caps))

    with ThreadPoolExecutor(CLAIMERS) as crowd:
        won = sum(crowd.map(claim_some, groups))
    spans = counted(db)
    assert all(messages <= most for messages, *_ in spans)
    if len(spans) == 2:  # no hour ended meanwhile
        assert most == won
        assert {(most, most * segments)} == {pair[:2] for pair in spans}


def test_over_the_cap_of_the_installation_a_text_keeps_its_place(
    rt: runtime.Runtime, db: Database
) -> None:
    caps = Caps(messages_hour=1)
    first, second = ready(db, 2)
    assert [first] == claim(db, [first, second], caps)
    assert ("pending", 0) == (row(db, second).status, row(db, second).attempt)
    assert [] == kinds(db, second)
    assert is_full(db, caps)
    assert not is_full(db, Caps(messages_hour=2)), "a cap that is raised counts at once"


def test_a_text_for_which_too_little_is_left_stops_those_behind_it_from_being_read(
    db: Database,
) -> None:
    caps = Caps(segments_hour=4)
    (small,), (large,) = ready(db, segments=2), ready(db, segments=3)
    assert [small] == claim(db, [small, large], caps)
    assert is_full(db, caps)
    assert [large] == claim(db, [large], Caps(segments_hour=5))
    assert is_full(db, Caps(segments_hour=5))
    assert not is_full(db, Caps(segments_hour=6))


def test_what_no_window_can_ever_take_is_suppressed(db: Database) -> None:
    (large,), (small,) = ready(db, segments=9), ready(db)
    assert [small] == claim(db, [large, small], Caps(segments_hour=8))
    assert ("suppressed", ["suppressed"]) == (row(db, large).status, kinds(db, large))


def test_a_text_over_the_cap_of_its_number_waits_until_that_lets_it_pass(db: Database) -> None:
    caps = Caps(recipient_hour=2)
    ids = ready(db, 4)
    (other,) = ready(db, recipient_phone="+15555550199")
    assert {*ids[:2], other} == set(claim(db, [*ids, other], caps))
    assert ["scheduled", "scheduled"] == [row(db, id).status for id in ids[2:]]
    assert ["deferred"] == kinds(db, ids[2])

    # Exactly when an hour has passed since the first, there is room for one, and for one only.
    db.execute(
        "update messaging.cap_uses set at = at - interval '1 hour' where job_id = %s", ids[:1]
    )
    db.execute("update message_jobs set status = 'pending' where id = any(%s)", [ids[2:]])
    assert [ids[2]] == claim(db, ids[2:], caps)


@pytest.mark.parametrize("before", [timedelta(0), timedelta(microseconds=1)])
def test_a_use_counts_for_an_hour_to_the_microsecond(db: Database, before: timedelta) -> None:
    db.execute(
        "insert into messaging.cap_uses values "
        "(gen_random_uuid(), 1, '+15555550100', '2026-11-29 10:00+00', 1, 0)"
    )
    found = db.execute(
        "select messaging.free_at('+15555550100', 1, 1, '1 hour', "
        "timestamptz '2026-11-29 11:00+00' - %s)",
        [before],
    ).fetchone()
    assert (datetime(2026, 11, 29, 11, tzinfo=UTC) if before else None,) == found


def test_an_hour_and_a_day_are_those_of_the_clock_in_utc(db: Database) -> None:
    db.execute("set timezone = 'Asia/Kathmandu'")
    found = db.execute(
        "select messaging.window_of('hour', t) at time zone 'UTC', "
        "messaging.window_of('day', t) at time zone 'UTC' "
        "from (select timestamptz '2026-11-29 23:59:59.999999+00') as at (t)"
    ).fetchone()
    assert found is not None
    assert ["2026-11-29 23:00:00", "2026-11-29 00:00:00"] == [str(one) for one in found]


def test_what_did_not_go_out_gives_its_count_back_and_what_is_in_doubt_counts(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_CAP_MESSAGES_DAY": "100"}))
    for kind in (Kind.RESET_AFTER, Kind.REJECT):
        rule = twilio.faults.add(Rule(kind=kind))
        insert(db)
        work(rt)
        twilio.faults.remove(rule)
    insert(db)
    work(rt)
    assert {2} == {messages for messages, *_ in counted(db)}
    assert 2 == one(db, "select count(*) from messaging.cap_uses")
    rt.close()


def one(db: Database, statement: str) -> object:
    found = db.execute(statement.encode()).fetchone()
    assert found is not None
    return found[0]


RULES = Rulebook(quiet_hours=QuietHours(own={}, by_law=False))


def test_a_text_that_the_review_withholds_gives_its_count_back(db: Database) -> None:
    (id,) = ready(db)
    (claimed,) = jobs.claim(db, [id], LEASE, Caps(messages_hour=5))
    outcome: Outcome = withhold(claimed, Suppress(rule="test", reason="A test."), RULES)
    assert {id} == jobs.settle(db, [outcome], None)
    assert {(0, 0, Decimal(0))} == set(counted(db))


def test_a_claim_that_dies_with_its_transaction_counts_nothing(
    database_url: str, db: Database
) -> None:
    (id,) = ready(db)
    with psycopg.connect(database_url) as conn:
        assert [id] == claim(conn, [id], Caps(messages_hour=5))
        conn.rollback()
    assert [] == counted(db)
    assert "pending" == row(db, id).status


def test_the_bridge_reads_nothing_while_a_cap_leaves_no_room(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_CAP_MESSAGES_HOUR": "2"}))
    ids: list[UUID] = [insert(db) for _ in range(4)]
    hints = take(rt)
    delivered = delivery.deliver(rt, Lane.NORMAL, hints)
    assert 2 == delivered.outcomes["sent"]
    db.execute("update pgmq.q_sms_queue set vt = now()")
    assert [] == take(rt)
    assert ["pending", "pending", "sent", "sent"] == sorted(row(db, id).status for id in ids)
    rt.close()
