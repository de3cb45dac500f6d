"""The bridge is killed with -9 while it leases, adopts, prepares or restores entries."""

import pytest
from psycopg.types.json import Jsonb

from messaging import JobId
from tests.crash.endings import Ending, assert_ends, assert_nothing_is_left
from tests.crash.gates import Gates, Moment
from tests.crash.scenes import Play, Scene
from tests.stack.batch import recipient
from tests.stack.stack import Stack

URGENT = 9
FIRST_NUMBER = 40_000
ONCE = Ending()


def scene(change: str, moment: Moment) -> Scene:
    return Scene(change=change, moment=moment, ending=ONCE)


SCENES = {
    "in its lease": scene("lease", Moment.STATEMENT),
    "as its lease commits": scene("lease", Moment.COMMIT),
    "in an adoption": scene("insert", Moment.STATEMENT),
    "as an adoption commits": scene("insert", Moment.COMMIT),
    "as it prepares a row": scene("prepare", Moment.STATEMENT),
    "as a prepared row commits": scene("prepare", Moment.COMMIT),
    "as it restores an entry": scene("entry", Moment.STATEMENT),
    "as a restored entry commits": scene("entry", Moment.COMMIT),
}


@pytest.fixture(scope="module")
def killed(stack: Stack, gates: Gates) -> Play:
    """The bridge was killed three times, each time in both lanes."""
    play = Play(stack, gates, "A bridge killed", SCENES)
    play.enqueue("in its lease", priority=URGENT)
    play.enqueue("as its lease commits")
    kill_bridge(play, "in its lease", "as its lease commits")

    put_whole_message(play, "in an adoption", "sms_priority_queue")
    put_whole_message(play, "as an adoption commits", "sms_queue")
    lose_entry(play, "as it restores an entry")
    start_bridge(play)
    kill_bridge(play, "in an adoption", "as an adoption commits", "as it restores an entry")

    insert_bare_row(play, "as it prepares a row", URGENT)
    insert_bare_row(play, "as a prepared row commits", 0)
    lose_entry(play, "as a restored entry commits")
    start_bridge(play)
    kill_bridge(
        play, "as it prepares a row", "as a prepared row commits", "as a restored entry commits"
    )
    start_bridge(play)
    return play


def kill_bridge(play: Play, *names: str) -> None:
    """Kills it when it is held at all of these places, and lets go what Postgres still does."""
    play.wait_until_held(*names)
    play.stack.children["bridge"].kill()
    play.open()


def start_bridge(play: Play) -> None:
    play.stack.children["bridge"].start()


def put_whole_message(play: Play, name: str, queue: str) -> None:
    """As the original's producer does it, without a row."""
    play.arm(name)
    whole = {"recipient_phone": number(name), "message_content": play.body(name)}
    play.stack.db.execute("select pgmq.send(%s, %s)", [queue, Jsonb(whole)])


def insert_bare_row(play: Play, name: str, priority: int) -> None:
    play.arm(name)
    play.ids[name] = inserted(play, name, priority)


def lose_entry(play: Play, name: str) -> None:
    """A job that has been pending for minutes and whose entry somebody deleted."""
    play.ids[name] = id = inserted(play, name, 0)
    play.stack.db.execute("delete from pgmq.q_sms_queue where message ->> 'job_id' = %s", [str(id)])
    play.stack.db.execute(
        "update message_jobs set due_at = now() - interval '3 minutes' where id = %s", [id]
    )
    play.arm(name)


def inserted(play: Play, name: str, priority: int) -> JobId:
    row = play.stack.db.execute(
        "insert into message_jobs (recipient_phone, message_content, priority) "
        "values (%s, %s, %s) returning id",
        [number(name), play.body(name), priority],
    ).fetchone()
    assert row is not None
    return JobId(row[0])


def number(name: str) -> str:
    return recipient(FIRST_NUMBER + list(SCENES).index(name))


def of_scene(play: Play, name: str) -> JobId:
    """The only job with the scene's text; an adopted one is known by nothing else."""
    find = "select id from message_jobs where message_content = %s"
    play.stack.wait_until(lambda: bool(play.stack.db.execute(find, [play.body(name)]).fetchall()))
    ((id,),) = play.stack.db.execute(find, [play.body(name)]).fetchall()
    return JobId(id)


@pytest.mark.parametrize("name", SCENES)
def test_a_text_whose_bridge_is_killed_is_sent_once(stack: Stack, killed: Play, name: str) -> None:
    assert_ends(stack, of_scene(killed, name), SCENES[name].ending)


def test_nothing_is_left_of_killed_bridges(stack: Stack, killed: Play) -> None:
    assert_nothing_is_left(stack)
