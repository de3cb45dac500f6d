"""Fairness: while several campaigns wait in the normal lane, their texts go out in turns."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from math import ceil

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from messaging.domain.draft import Draft, prepare
from messaging.domain.entries import Entry
from messaging.domain.job import JobId, Status
from messaging.domain.outcome import Outcome
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import enqueuing, jobs, messages, queues
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.jobs import Postgres
from messaging.postgres.queues import MOST_CAMPAIGNS, Turn
from tests.integration.databases import Database, migrated, one, rolled_back
from tests.integration.story import insert

MINUTE = timedelta(minutes=1)
NORMAL, URGENT = "sms_queue", "sms_priority_queue"
PUT = """
insert into message_jobs (recipient_phone, message_content, prepared_at, metadata)
select
  '+15555550100', n::text, now(),
  jsonb_strip_nulls(jsonb_build_object('campaign', %(campaign)s::text))
from generate_series(1, %(count)s) as n
"""


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def put(db: Postgres, campaign: str | None, count: int) -> None:
    """Bare rows of a campaign, or of none, numbered from 1 by their texts."""
    db.execute(PUT, {"campaign": campaign, "count": count})


def take(db: Postgres, most: int, queue: str = NORMAL) -> list[str]:
    """Leases entries, and says of each its campaign and its number, in the order of the lease."""
    return [text(db, entry) for entry in queues.lease(db, queue, MINUTE, most)]


def text(db: Postgres, entry: Entry) -> str:
    row = db.execute(
        "select coalesce(metadata ->> 'campaign', '') || ' ' || message_content "
        "from message_jobs where id = %s",
        [entry.job_id],
    ).fetchone()
    return str(row[0]).strip() if row else "foreign"


def shares(taken: list[str]) -> Mapping[str, int]:
    """How many of each campaign; those without one count for ''."""
    return Counter(name.rpartition(" ")[0] for name in taken)


def test_two_campaigns_get_half_each_in_turns_and_each_in_its_order(db: Database) -> None:
    put(db, "large", 1000)
    put(db, "small", 3)
    first, second, *_ = taken = take(db, 6)
    assert {"large 1", "small 1"} == {first, second}
    assert [f"large {n}" for n in (1, 2, 3)] == [name for name in taken if "large" in name]
    assert [f"small {n}" for n in (1, 2, 3)] == [name for name in taken if "small" in name]
    assert taken[::2] in ([f"large {n}" for n in (1, 2, 3)], [f"small {n}" for n in (1, 2, 3)])


@pytest.mark.parametrize("most", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("campaigns", [2, 3, 10])
def test_each_of_several_campaigns_gets_an_equal_share_however_few_are_leased_at_once(
    db: Database, campaigns: int, most: int
) -> None:
    names = [f"c{n}" for n in range(campaigns)]
    for place, name in enumerate(names):
        put(db, name, 100 + 50 * place)
    taken = [name for _ in range(ceil(120 / most)) for name in take(db, most)]
    counts = shares(taken[:120])
    assert set(names) == set(counts)
    assert 1 >= max(counts.values()) - min(counts.values())


def test_a_campaign_that_comes_later_has_its_share_at_once(db: Database) -> None:
    put(db, "early", 500)
    assert {"early": 100} == shares(take(db, 100))
    put(db, "late", 20)
    assert {"early": 20, "late": 20} == shares(take(db, 40))
    assert {"early": 40} == shares(take(db, 40)), "the late one has gone"


def test_what_one_campaign_does_not_need_goes_to_the_others(db: Database) -> None:
    for name, count in {"a": 300, "b": 5, "c": 300, "d": 41}.items():
        put(db, name, count)
    assert {"a": 77, "b": 5, "c": 77, "d": 41} == shares(take(db, 200))


def test_a_lease_is_full_while_enough_wait(db: Database) -> None:
    for place in range(1, 9):
        put(db, f"c{place}", 2**place)
    assert [500, 10, 0] == [len(take(db, 500)) for _ in range(3)]


def test_texts_without_a_campaign_are_one_campaign_together(db: Database) -> None:
    put(db, "spring", 300)
    put(db, None, 100)
    insert(db, metadata=Jsonb({"campaign": ""}), message_content="101")
    insert(db, metadata=Jsonb({"campaign": None}), message_content="102")
    assert {"spring": 50, "": 50} == shares(take(db, 100))
    assert {"spring": 52, "": 52} == shares(take(db, 104))


def test_without_campaigns_and_in_a_single_one_the_oldest_come_first(db: Database) -> None:
    put(db, None, 5)
    assert ["1", "2", "3"] == take(db, 3)
    assert ["4", "5"] == take(db, 3)
    put(db, "spring", 5)
    assert ["spring 1", "spring 2"] == take(db, 2)
    assert ["spring 3", "spring 4", "spring 5"] == take(db, 9)


def test_more_campaigns_than_are_leased_at_once_have_their_turns_one_after_the_other(
    db: Database,
) -> None:
    for place in range(30):
        put(db, f"c{place}", 2)
    taken = [name for _ in range(9) for name in take(db, 7)]
    assert 30 == len(shares(taken[:30])), "each has had a turn before any has two"
    assert {2} == set(shares(taken).values())


def test_the_urgent_lane_is_one_line_in_the_order_of_its_entries(db: Database) -> None:
    for n in (1, 2):
        insert(db, priority=9, metadata=Jsonb({"campaign": "a"}), message_content=str(n))
    insert(db, priority=9, metadata=Jsonb({"campaign": "b"}), message_content="1")
    insert(db, metadata=Jsonb({"campaign": "b"}), message_content="2")
    assert ["a 1", "a 2", "b 1"] == take(db, 9, URGENT)


def test_what_is_close_to_its_deadline_comes_first_whatever_campaign_waits(db: Database) -> None:
    put(db, "large", 50)
    put(db, "small", 50)
    last = one(db, "select id from message_jobs where message_content = '50' limit 1")
    db.execute("update message_jobs set expires_at = now() + interval '30 s' where id = %s", [last])
    assert 1 == jobs.hurry(db, MINUTE, 10)
    assert [last] == [entry.job_id for entry in queues.lease(db, URGENT, MINUTE, 10)]


def test_drafts_from_python_and_from_sql_take_turns_as_bare_rows_do(db: Database) -> None:
    put(db, "bare", 10)
    draft = Draft(to="+15555550100", body="1", metadata={"campaign": "python"})
    enqueuing.enqueue(db, {n: prepare(draft, None, None) for n in range(10)}, Defaults())
    sql = {"recipient_phone": "+15555550100", "message_content": "1"}
    messages.enqueue(db, [{**sql, "metadata": {"campaign": "sql"}} for _ in range(10)])
    assert {"bare": 5, "python": 5, "sql": 5} == shares(take(db, 15))


def test_texts_whose_time_comes_and_those_that_are_tried_again_keep_their_campaign(
    db: Database,
) -> None:
    put(db, None, 50)
    later = {"scheduled_for": "2030-01-01", "status": "scheduled", "prepared_at": "now"}
    id = JobId(insert(db, metadata=Jsonb({"campaign": "later"}), **later))
    db.execute("update message_jobs set due_at = now() where id = %s", [id])
    assert 1 == jobs.promote(db, 10)
    assert {"": 1, "later": 1} == shares(take(db, 2))
    (claimed,) = jobs.claim(db, [id], MINUTE)
    again = Outcome(job_id=id, attempt=claimed.attempt, status=Status.RETRYING, due_in=timedelta(0))
    jobs.settle(db, [again], NORMAL)
    assert 1 == jobs.promote(db, 10)
    assert {"": 1, "later": 1} == shares(take(db, 2))


def test_entries_from_before_and_those_of_other_producers_count_as_without_a_campaign(
    db: Database,
) -> None:
    put(db, "before", 20)
    db.execute("update pgmq.q_sms_queue set message = message - 'campaign'")
    put(db, "spring", 20)
    assert {"before": 10, "spring": 10} == shares(take(db, 20))
    foreign: list[object] = ["campaign", ["campaign"], {"campaign": {}}, {"campaign": "x" * 9000}]
    foreign += [{"metadata": "campaign"}, {"metadata": {"campaign": ""}}]
    for message in foreign:
        db.execute("select pgmq.send(%s, %s::jsonb)", [NORMAL, Jsonb(message)])
    taken = queues.lease(db, NORMAL, MINUTE, 100)
    assert 26 == len({entry.msg_id for entry in taken})
    assert [] == take(db, 100)


def test_whole_messages_of_other_producers_take_turns_with_their_campaign(db: Database) -> None:
    whole = {"recipient_phone": "+15555550100", "metadata": {"campaign": "spring"}}
    for _ in range(10):
        db.execute("select pgmq.send(%s, %s::jsonb)", [NORMAL, Jsonb(whole)])
    put(db, None, 10)
    put(db, "spring", 10)
    assert ["foreign", "foreign", "foreign"] == [name for name in take(db, 6) if name == "foreign"]
    assert [(None, 10), ("spring", 20)] == sorted(
        ((one.campaign, one.entries) for one in queues.campaigns(db)), key=lambda found: found[1]
    )


def test_a_queue_entry_does_not_tell_the_campaigns_name(db: Database) -> None:
    put(db, "a secret sale", 1)
    (entry,) = queues.lease(db, NORMAL, MINUTE, 1)
    assert "secret" not in entry.written
    assert isinstance(entry.message, dict)
    assert {"job_id", "campaign"} == set(entry.message)


def test_a_lease_that_runs_out_gives_a_text_back_to_the_head_of_its_campaign(db: Database) -> None:
    put(db, "a", 10)
    put(db, "b", 10)
    first = queues.lease(db, NORMAL, MINUTE, 4)
    queues.release(db, NORMAL, [entry.msg_id for entry in first], timedelta(0))
    db.execute("update pgmq.q_sms_queue set vt = now() where vt > now()")
    assert sorted(text(db, entry) for entry in first) == sorted(take(db, 4))


def test_a_bridge_that_hangs_in_its_lease_keeps_nobody_waiting(url: str) -> None:
    with psycopg.connect(url) as hanging, psycopg.connect(url) as other:
        put(other, "a", 20)
        put(other, "b", 20)
        other.commit()
        stuck = queues.lease(hanging, NORMAL, MINUTE, 10)
        taken = [entry for _ in range(30) for entry in queues.lease(other, NORMAL, MINUTE, 1)]
        assert 40 == len({entry.msg_id for entry in [*taken, *stuck]})
        hanging.rollback()
        other.execute("delete from message_jobs")
        other.execute("delete from pgmq.q_sms_queue")


def test_bridges_that_lease_at_once_get_each_text_once(url: str) -> None:
    def lease_all(_: int) -> list[int]:
        taken: list[int] = []
        with psycopg.connect(url, autocommit=True) as conn:
            while one(conn, "select exists (select from pgmq.q_sms_queue where vt <= now())"):
                taken += [entry.msg_id for entry in queues.lease(conn, NORMAL, MINUTE, 7)]
        return taken

    with psycopg.connect(url, autocommit=True) as db:
        for name in ("a", "b", "c", None):
            put(db, name, 60)
        with ThreadPoolExecutor(3) as bridges:
            taken = [msg_id for found in bridges.map(lease_all, range(3)) for msg_id in found]
        assert sorted(set(taken)) == sorted(taken)
        assert 240 == len(taken)
        db.execute("delete from message_jobs")
        db.execute("delete from pgmq.q_sms_queue")


def test_a_lease_that_is_rolled_back_leaves_no_trace(url: str) -> None:
    with rolled_back(url) as db:
        for name in ("a", "b", "c"):
            put(db, name, 5)
        with db.transaction(force_rollback=True):
            before = take(db, 4)
        assert before == take(db, 4)


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["", "a", "b", "c", "d"]), st.integers(1, 30)),
            st.integers(1, 12),
        ),
        max_size=25,
    )
)
@example(steps=[("a", 30), ("b", 1), 1, ("c", 2), 12, 1, ("b", 3), 5])
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_nobody_waits_for_longer_than_one_turn_of_each_of_the_others(
    url: str, steps: list[tuple[str, int] | int]
) -> None:
    """While a campaign waits, no other gets more than one text more than it since it came; and all
    that waits is leased, once."""
    with rolled_back(url) as db:
        waiting: Counter[str] = Counter()
        ahead: dict[tuple[str, str], int] = {}
        for step in [*steps, 999]:
            if isinstance(step, tuple):
                put(db, step[0] or None, step[1])
                waiting[step[0]] += step[1]
                continue
            taken = [name.rpartition(" ")[0] for name in take(db, step)]
            assert min(step, waiting.total()) == len(taken)
            for name in taken:
                waiting[name] -= 1
                ahead = {pair: n for pair, n in ahead.items() if name != pair[1]}
                for other in +waiting:
                    if other != name:
                        ahead[name, other] = ahead.get((name, other), 0) + 1
                ahead = {pair: n for pair, n in ahead.items() if waiting[pair[1]]}
                assert 1 >= max(ahead.values(), default=0)
        assert not +waiting


def test_a_stopped_campaign_takes_no_turns_from_the_others(db: Database) -> None:
    put(db, "stopped", 30)
    put(db, "other", 30)
    db.execute("select messaging.stop('campaign', 'stopped', 'wrong')")
    entries = queues.lease(db, NORMAL, MINUTE, 10)
    parked = {
        id
        for (id,) in db.execute("select messaging.park(%s)", [[entry.job_id for entry in entries]])
    }
    assert {"stopped"} == set(shares([text(db, one) for one in entries if one.job_id in parked]))


def test_people_see_which_campaigns_wait_and_how_much_of_each(db: Database) -> None:
    assert [] == queues.campaigns(db)
    put(db, None, 2)
    put(db, "spring", 3)
    put(db, "autumn", 1)
    db.execute("select pgmq.send(%s, %s::jsonb)", [NORMAL, Jsonb({"job_id": "nonsense"})])
    take(db, 2)
    found = queues.campaigns(db)
    assert {(None, 3), ("spring", 3), ("autumn", 1)} == {
        (one.campaign, one.entries) for one in found
    }
    assert not any(one.has_more or one.oldest_age_sec for one in found)


def test_a_picture_of_many_campaigns_has_an_end(db: Database) -> None:
    put(db, "large", 10_001)
    db.execute(
        "select messaging.put_entries(%s, array_agg(gen_random_uuid()), array_agg('m' || n)) "
        "from generate_series(1, 60) as n",
        [NORMAL],
    )
    large, *others = queues.campaigns(db)
    assert ("large", 10_000, True) == (large.campaign, large.entries, large.has_more)
    assert MOST_CAMPAIGNS == 1 + len(others)


def test_a_text_knows_with_whom_it_takes_turns(db: Database) -> None:
    put(db, "spring", 3)
    put(db, None, 1)
    id = JobId(insert(db, metadata=Jsonb({"campaign": "spring"})))
    assert Turn(campaigns=2, campaign="spring", entries=4, has_more=False) == queues.turn(db, id)
    none = JobId(insert(db))
    assert Turn(campaigns=2, campaign=None, entries=2, has_more=False) == queues.turn(db, none)
    assert queues.turn(db, JobId(insert(db, priority=9))) is None
    later = {"scheduled_for": "2030-01-01", "metadata": Jsonb({"campaign": "spring"})}
    assert queues.turn(db, JobId(insert(db, **later))) is None
