"""The bridge: what it leases, prepares, adopts, buries and hands to Celery."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging import bridge, runtime
from messaging.domain.entries import Hint
from messaging.domain.job import JobId, Lane
from messaging.local.process import wait_until
from messaging.postgres import bell, jobs, queues
from messaging.postgres.bell import Bell
from messaging.postgres.connect import single
from messaging.runtime import Runtime
from messaging.settings import Settings, load
from tests.integration.story import TO, entries, insert, row, take, work

Database = Connection[TupleRow]
A_WHILE, ONE_LOOK = timedelta(seconds=10), timedelta(0)


def put(db: Database, message: object, queue: str = "sms_queue") -> None:
    db.execute("select pgmq.send(%s, %s::jsonb)", [queue, Jsonb(message)])


def test_an_entry_is_handed_out_once_while_it_is_leased(rt: Runtime, db: Database) -> None:
    id = insert(db)
    assert [id] == [hint.job_id for hint in take(rt)]
    assert [] == take(rt)


def test_a_lease_alone_is_not_waited_for_until_the_disk_has_it(rt: Runtime, db: Database) -> None:
    insert(db)
    with rt.db.connection() as conn:
        shown = "show synchronous_commit"
        assert ("on",) == conn.execute(shown).fetchone()
        with conn.transaction(force_rollback=True):
            assert 1 == len(queues.lease(conn, "sms_queue", timedelta(seconds=1), 1))
            assert ("off",) == conn.execute(shown).fetchone()
    with single(rt.db) as conn:
        assert 1 == len(queues.lease(conn, "sms_queue", timedelta(seconds=1), 1))
        assert ("on",) == conn.execute(shown).fetchone(), "nor does it stay with the connection"


def test_entries_are_handed_out_again_at_once_when_redis_has_lost_them(
    rt: Runtime, db: Database, redis_url: str
) -> None:
    id = insert(db)
    assert [[id]] == looks(rt)
    assert [] == looks(rt)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    assert [[id]] == looks(rt)
    assert [] == looks(rt)


def looks(rt: Runtime) -> list[list[JobId]]:
    """What one look of a bridge hands out in the normal lane, chunk by chunk."""
    rt.stopping.set()  # a run of one look
    found = bridge.chunks(rt, Lane.NORMAL, lambda: 10, A_WHILE)
    return [[hint.job_id for hint in chunk] for chunks in found for chunk in chunks]


def test_a_broker_elsewhere_has_not_forgotten_what_our_redis_has(
    environment: dict[str, str],
) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_BROKER_URL": "amqp://localhost"}))
    assert not rt.throttle.outlook(Lane.NORMAL).emptied
    rt.close()


def test_urgent_jobs_take_their_own_lane(rt: Runtime, db: Database) -> None:
    urgent, normal = insert(db, priority=6), insert(db, priority=5)
    assert [urgent] == [hint.job_id for hint in take(rt, Lane.URGENT)]
    assert [normal] == [hint.job_id for hint in take(rt, Lane.NORMAL)]


def test_the_originals_second_entry_is_a_harmless_duplicate(rt: Runtime, db: Database) -> None:
    id = insert(db)
    put(db, {"job_id": str(id), "recipient_phone": TO, "message_content": "Hello"})
    assert [id] == [hint.job_id for hint in take(rt)]
    assert 1 == len(entries(db)), "the second entry is removed"


def test_a_second_entry_of_a_job_just_claimed_is_looked_at_again_soon(
    rt: Runtime, db: Database
) -> None:
    id = insert(db)
    take(rt)
    with rt.db.connection() as conn:
        assert jobs.claim(conn, [JobId(id)], rt.settings.lease)
    put(db, {"job_id": str(id), "recipient_phone": TO, "message_content": "Hello"})
    assert [] == take(rt)
    (last,) = db.execute(
        "select vt < clock_timestamp() + interval '3 s' from pgmq.q_sms_queue order by msg_id"
    ).fetchall()[1:]
    assert (True,) == last


def test_entries_of_finished_and_waiting_jobs_are_removed(rt: Runtime, db: Database) -> None:
    canceled = insert(db)
    db.execute("select messaging.cancel(%s)", [canceled])
    later = insert(db)
    db.execute("select messaging.reschedule(%s, now() + interval '1 day')", [later])
    assert [] == take(rt)
    assert [] == entries(db)


def test_an_entry_with_a_whole_message_is_adopted_once(rt: Runtime, db: Database) -> None:
    put(db, {"recipient_phone": "+1 (555) 555-0100", "message_content": "Hi"})
    assert [] == take(rt)
    ((id,),) = db.execute("select id from message_jobs").fetchall()
    assert "pending" == row(db, id).status
    work(rt)
    job = row(db, id)
    assert ("sent", TO, "Hi") == (job.status, job.recipient_phone, job.message_content)
    assert 1 == db.execute("select count(*) from message_jobs").fetchall()[0][0]
    assert [] == entries(db)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (42, "the entry is not a JSON object"),
        ("text", "the entry is not a JSON object"),
        ([1, 2], "the entry is not a JSON object"),
        ({}, "the entry names no job and no recipient"),
        ({"job_id": "nonsense"}, "there is no message with its job_id"),
        ({"job_id": 7}, "there is no message with its job_id"),
        (
            {"recipient_phone": TO},
            "message_content is missing: give a text, a template or media_urls",
        ),
        (
            {"recipient_phone": TO, "message_content": "x", "scheduled_for": "soonish"},
            'invalid input syntax for type timestamp with time zone: "soonish"',
        ),
    ],
)
def test_an_entry_nobody_can_use_goes_to_the_dead_letters_with_its_reason(
    rt: Runtime, db: Database, message: object, reason: str
) -> None:
    put(db, message)
    assert [] == take(rt)
    assert [] == entries(db)
    (letter,) = entries(db, "sms_dlq")
    assert isinstance(letter, dict)
    assert (reason, message, "sms_queue") == (
        letter["reason"],
        letter["message"],
        letter["queue"],
    )


@pytest.mark.parametrize(
    "unreadable",
    ["[" * 3000 + "]" * 3000, '{"recipient_phone": "+15555550100", "metadata": {"a": 1e5000}}'],
    ids=["too deep", "too large a number"],
)
def test_an_entry_that_python_cannot_read_holds_nobody_up(
    rt: Runtime, db: Database, unreadable: str
) -> None:
    db.execute("select pgmq.send('sms_queue', %s::jsonb)", [unreadable])
    good = insert(db)
    assert [good] == [hint.job_id for hint in take(rt)]
    assert 1 == len(entries(db))
    assert 1 == db.execute("select count(*) from pgmq.q_sms_dlq").fetchall()[0][0]


@pytest.mark.parametrize(
    "bad", [{0}, {6}, {0, 3, 6}, set(range(7))], ids=["first", "last", "three", "all"]
)
def test_a_row_that_a_rule_of_the_owners_refuses_holds_nobody_up(
    rt: Runtime, db: Database, bad: set[int]
) -> None:
    db.execute("alter table message_jobs add check (message_content <> 'no' or segments is null)")
    ids = [insert(db, message_content="no" if n in bad else f"number {n}") for n in range(7)]
    assert [id for n, id in enumerate(ids) if n not in bad] == [hint.job_id for hint in take(rt)]
    assert bad == {n for n, id in enumerate(ids) if row(db, id).status == "failed"}


def test_bare_rows_are_prepared_together(rt: Runtime, db: Database) -> None:
    """One by one they took a bridge a millisecond each."""
    for n in range(50):
        insert(db, message_content=f"number {n}")
    assert 50 == len(take(rt))
    assert [(1,)] == db.execute("select count(distinct xmin::text) from message_jobs").fetchall()


def test_what_is_prepared_together_keeps_apart(rt: Runtime, db: Database) -> None:
    """What means something to arrays as well."""
    given = {
        "+15555550100": ('say "{no}", \\ or NULL', [], 1),
        "+15555550101": ("NULL", ["https://a.example/1,2.png"], 1),
        "+15555550102": ("x" * 200, ['https://a.example/{"}', "https://b.example"], 1),
        "+15555550103": ("x" * 200, [], 2),
    }
    for phone, (body, media, _) in given.items():
        insert(db, recipient_phone=phone, message_content=body, media_urls=media)
    assert 4 == len(take(rt))
    stored = db.execute(
        "select recipient_phone, message_content, media_urls, segments from message_jobs"
    ).fetchall()
    assert given == {phone: tuple(found) for phone, *found in stored}


def test_a_lane_goes_on_while_somebody_keeps_its_turn(rt: Runtime, db: Database) -> None:
    insert(db)
    soon = timedelta(milliseconds=1)
    with bell.turn(rt.bells, Lane.NORMAL, timedelta(seconds=1), rt.stopping):
        assert 1 == len(list(bridge.chunks(rt, Lane.NORMAL, lambda: 1, ONE_LOOK, patience=soon)))


def test_a_bare_row_is_prepared_before_it_is_handed_out(rt: Runtime, db: Database) -> None:
    (template,) = db.execute(
        "insert into message_templates (name, content_template, template_vars) "
        "values ('hello', 'Hello {{name}}, {{what}}!', '{\"what\": \"hi\"}') returning id"
    ).fetchall()[0]
    id = insert(
        db,
        recipient_phone="+1 555 555 0100",
        message_content="",
        template_id=template,
        template_vars=Jsonb({"name": "Ada"}),
    )
    assert [id] == [hint.job_id for hint in take(rt)]
    job = row(db, id)
    assert (TO, "Hello Ada, hi!") == (job.recipient_phone, job.message_content)


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"recipient_phone": "call me"}, "number"),
        ({"recipient_phone": "555 0100"}, "+"),
    ],
)
def test_a_bare_row_that_cannot_be_sent_fails_with_the_reason(
    rt: Runtime, db: Database, columns: dict[str, object], named: str
) -> None:
    id = insert(db, **columns)
    assert [] == take(rt)
    assert "failed" == row(db, id).status
    (details,) = db.execute(
        "select error_details ->> 'message' from message_jobs where id = %s", [id]
    ).fetchall()[0]
    assert named in details


def test_a_missing_variable_fails_the_row_and_is_named(rt: Runtime, db: Database) -> None:
    (template,) = db.execute(
        "insert into message_templates (name, content_template) "
        "values ('hello', 'Hello {{name}}') returning id"
    ).fetchall()[0]
    id = insert(db, message_content="", template_id=template)
    assert [] == take(rt)
    (details,) = db.execute(
        "select error_details ->> 'message' from message_jobs where id = %s", [id]
    ).fetchall()[0]
    assert "name" in details


@pytest.mark.parametrize(
    ("jobs", "tasks", "sizes"),
    [
        pytest.param(0, 8, [], id="none"),
        pytest.param(3, 8, [1, 1, 1], id="few travel alone"),
        pytest.param(8, 8, [1] * 8, id="and so do eight"),
        pytest.param(80, 8, [10] * 8, id="many share tasks"),
        pytest.param(900, 8, [50] * 18, id="and more share more of them"),
        pytest.param(100, 2, [50, 50], id="where there is room for two, they are full"),
        pytest.param(70, 2, [35, 35], id="or shared evenly"),
        pytest.param(70, 1, [50, 20], id="or as full as they may be"),
    ],
)
def test_few_jobs_travel_alone_and_many_share_tasks(
    jobs: int, tasks: int, sizes: list[int]
) -> None:
    hints = [Hint(job_id=JobId(uuid4()), msg_id=n) for n in range(jobs)]
    assert sizes == [len(chunk) for chunk in bridge.cut(hints, tasks, 50)]


@pytest.mark.parametrize(
    ("waiting", "sizes"),
    [
        pytest.param(8, [1] * 8, id="all that wait"),
        pytest.param(40, [5] * 8, id="however many"),
        pytest.param(60, [20, 20, 20], id="as many as one look takes: others may wait"),
    ],
)
def test_tasks_are_as_large_as_they_may_be_where_more_wait_than_one_look_takes(
    rt: Runtime, db: Database, monkeypatch: pytest.MonkeyPatch, waiting: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(bridge, "_AT_ONCE", 60)
    small = replace(rt, settings=rt.settings.model_copy(update={"chunk": 20}))
    for _ in range(waiting):
        insert(db)
    found = next(bridge.chunks(small, Lane.NORMAL, lambda: 100, A_WHILE))
    assert sizes == [len(chunk) for chunk in found]


def test_a_worker_that_keeps_few_requests_in_flight_gets_several_tasks_all_the_same(
    environment: dict[str, str],
) -> None:
    """It takes as many texts as twice what it keeps in flight."""
    few = load({**environment, "MESSAGING_IN_FLIGHT": "100"})
    one = load({**environment, "MESSAGING_IN_FLIGHT": "1"})
    assert (50, 1) == (bridge.largest_chunk(few), bridge.largest_chunk(one))


def test_a_rate_limit_keeps_the_window_to_half_a_second(environment: dict[str, str]) -> None:
    limited = load({**environment, "TWILIO_RATE_LIMIT_PER_SECOND": "10"})
    assert (1, 5) == (bridge.largest_chunk(limited), bridge.window(limited))
    free = load(environment)
    assert (free.chunk, free.bridge_window) == (bridge.largest_chunk(free), bridge.window(free))


def test_the_bell_wakes_the_bridge(rt: Runtime, db: Database) -> None:
    found = threading.Event()
    id = _insert_when_listening(rt, db, found)
    assert found.is_set()
    assert "pending" == row(db, id).status


def _insert_when_listening(rt: Runtime, db: Database, found: threading.Event) -> JobId:
    """Runs the bridge until it has yielded the job that is inserted after it began to listen."""
    ids: list[JobId] = []

    def room() -> int:
        if not ids:
            ids.append(JobId(insert(db)))
        return 1

    for chunks in bridge.chunks(rt, Lane.NORMAL, room, A_WHILE):
        if [ids[0]] == [hint.job_id for chunk in chunks for hint in chunk]:
            found.set()
            break
    return ids[0]


@pytest.mark.parametrize("lane", Lane)
def test_an_empty_queue_is_left_alone_until_its_bell_rings_for_whoever_puts_an_entry_there(
    rt: Runtime, db: Database, monkeypatch: pytest.MonkeyPatch, lane: Lane
) -> None:
    """Also for producers that call pgmq themselves."""
    asked: list[int] = []
    is_needless = Bell.is_needless

    def glance(rung: Bell) -> bool:
        was_needless = is_needless(rung)
        db.execute("select pgmq.send(%s, %s)", [lane.queue, Jsonb({"job_id": str(id)})])
        return was_needless

    def room() -> int:
        asked.append(1)
        return 1

    monkeypatch.setattr(Bell, "is_needless", glance)
    monkeypatch.setattr(bridge, "_QUIET", timedelta(milliseconds=10))
    monkeypatch.setattr(bridge, "_EMPTY", A_WHILE)  # it is the bell that wakes it, and no glance
    id = insert(db)
    db.execute("delete from pgmq.q_sms_queue")
    found = next(bridge.chunks(rt, lane, room, A_WHILE))
    assert [id] == [hint.job_id for chunk in found for hint in chunk]
    assert 2 == len(asked)


@pytest.mark.parametrize("ends", ["in time", "at once when asked to stop"])
def test_a_run_that_waits_for_the_bell_of_an_empty_queue_ends(
    rt: Runtime, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    is_waiting = threading.Event()
    wait = Bell.wait

    def waits(rung: Bell, longest: timedelta) -> bool:
        if longest > bridge._QUIET:
            is_waiting.set()
        return wait(rung, longest)

    monkeypatch.setattr(Bell, "wait", waits)
    monkeypatch.setattr(bridge, "_QUIET", timedelta(milliseconds=10))
    monkeypatch.setattr(bridge, "_EMPTY", 2 * A_WHILE)
    lasting = timedelta(milliseconds=200) if ends == "in time" else 4 * A_WHILE
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(lambda: list(bridge.chunks(rt, Lane.NORMAL, lambda: 1, lasting)))
        assert is_waiting.wait(10)
        if ends != "in time":
            rt.stopping.set()
        assert [] == run.result(10)


def test_a_queue_is_not_glanced_at_while_there_is_much_to_do(
    rt: Runtime, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A glance reads what others have just deleted, and the look that follows reads it again."""
    glances: list[Bell] = []
    is_needless = Bell.is_needless

    def glance(rung: Bell) -> bool:
        glances.append(rung)
        return is_needless(rung)

    monkeypatch.setattr(Bell, "is_needless", glance)
    found = bridge.chunks(rt, Lane.NORMAL, lambda: 1, A_WHILE)
    for _ in range(4):
        id = insert(db)
        assert [id] == [hint.job_id for chunk in next(found) for hint in chunk]
    assert not glances


def test_a_queue_whose_entries_are_leased_is_not_empty(rt: Runtime, db: Database) -> None:
    """A lease may end at any time, and nobody tells."""
    with bell.turn(rt.bells, Lane.NORMAL, timedelta(seconds=1), rt.stopping) as rung:
        assert rung
        assert rung.is_needless()
        insert(db)
        assert take(rt)
        assert not rung.is_needless()


def test_no_entry_is_leased_while_celerys_queue_is_full(rt: Runtime, db: Database) -> None:
    insert(db)
    asked: list[int] = []

    def room() -> int:
        asked.append(1)
        return 0 if len(asked) < 3 else 1

    next(bridge.chunks(rt, Lane.NORMAL, room, A_WHILE))
    assert 3 == len(asked)


def test_tasks_that_wait_for_slots_in_workers_take_room_too(
    environment: dict[str, str], db: Database
) -> None:
    rt = runtime.build(load({**environment, "TWILIO_RATE_LIMIT_PER_MINUTE": "1"}))
    insert(db)
    assert not rt.throttle.leave([1], Lane.NORMAL).texts
    rt.stopping.set()
    assert [] == list(bridge.chunks(rt, Lane.NORMAL, lambda: 1, ONE_LOOK))
    assert 1 == len(list(bridge.chunks(rt, Lane.NORMAL, lambda: 2, ONE_LOOK)))
    rt.close()


def test_a_bridge_that_is_asked_to_stop_ends_its_run(rt: Runtime, db: Database) -> None:
    def room() -> int:
        rt.stopping.set()
        return 1

    insert(db)
    assert 1 == len(list(bridge.chunks(rt, Lane.NORMAL, room, A_WHILE)))


def test_a_second_bridge_waits_for_its_turn(rt: Runtime) -> None:
    with (
        bell.turn(rt.bells, Lane.URGENT, timedelta(seconds=1), rt.stopping) as first,
        bell.turn(rt.bells, Lane.URGENT, timedelta(seconds=1), rt.stopping) as second,
        bell.turn(rt.bells, Lane.NORMAL, timedelta(seconds=1), rt.stopping) as other_lane,
    ):
        assert (True, False, True) == (bool(first), bool(second), bool(other_lane))


def test_a_run_that_has_waited_for_its_turn_in_vain_waits_again(rt: Runtime, db: Database) -> None:
    """The one before it may end any time until this one's own end."""
    soon = timedelta(milliseconds=50)
    first = insert(db)
    with bell.turn(rt.bells, Lane.NORMAL, timedelta(seconds=1), rt.stopping) as held:
        assert held
        found = bridge.chunks(rt, Lane.NORMAL, lambda: 1, A_WHILE, patience=soon)
        assert first == next(found)[0][0].job_id  # looked at without the turn
    second = insert(db)
    assert second == next(found)[0][0].job_id
    with bell.turn(rt.bells, Lane.NORMAL, soon, rt.stopping) as other:
        assert other is None  # the turn is the run's now


def test_the_time_that_a_run_waits_for_its_turn_is_its_own(
    settings: Settings, rt: Runtime, db: Database
) -> None:
    """With the wait on top, runs would end later and later, until one found no turn at all."""
    lasting = timedelta(milliseconds=200)
    asked: list[int] = []

    def room() -> int:
        asked.append(1)
        return 0

    def waits() -> bool:
        return bool(db.execute("select 1 from pg_locks where not granted").fetchall())

    with ThreadPoolExecutor(1) as pool:
        with bell.turn(rt.bells, Lane.NORMAL, timedelta(seconds=1), rt.stopping):
            run = pool.submit(lambda: list(bridge.chunks(rt, Lane.NORMAL, room, lasting)))
            assert wait_until(waits, limit=5)
            over = time.monotonic() + lasting.total_seconds()
            assert wait_until(lambda: time.monotonic() > over, limit=5)
        assert [] == run.result()
    assert 1 == len(asked)
