"""A caller, beat, the web process, Valkey: killed with -9 with a text in their hands."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import redis

from messaging.local.listening import is_healthy
from messaging.local.simulator import Kind, Rule
from tests.crash.caller import NAME as CALLER
from tests.crash.endings import Ending, assert_ends, assert_nothing_is_left
from tests.crash.gates import Gates, Moment
from tests.crash.scenes import Play, Scene
from tests.stack.batch import now, recipient
from tests.stack.child import ROOT
from tests.stack.stack import Stack

FIRST_NUMBER = 41_000
ONCE = Ending()
RECEIPTS = {
    "in the record of a receipt": Scene(change="receipt delivered", ending=ONCE),
    "as the record of a receipt commits": Scene(
        change="receipt delivered", moment=Moment.COMMIT, ending=ONCE
    ),
}


UNDELIVERED = Rule(kind=Kind.UNDELIVERED, code=30003, count=1)
REPEATED = Ending(delivery="undelivered", journal=("settled", "carrier_retry"))
FAILURES = {
    "in the record of a failure": Scene(
        change="receipt undelivered", rules=[UNDELIVERED], carrier_retries=1, ending=REPEATED
    ),
    "as the record of a failure commits": Scene(
        change="receipt undelivered",
        moment=Moment.COMMIT,
        rules=[UNDELIVERED],
        carrier_retries=1,
        ending=REPEATED,
    ),
}


def kill_web(stack: Stack, play: Play, name: str) -> None:
    """Twilio's request hangs until there is a web process again, breaks, and is repeated."""
    play.enqueue(name)
    play.wait_until_held(name)
    stack.links.web.blackhole()
    stack.children["web"].kill()
    play.open()
    stack.children["web"].start()
    stack.wait_until(lambda: is_healthy(stack.web_port, "/readyz"))
    stack.links.web.pass_on()


@pytest.mark.parametrize("name", RECEIPTS)
def test_a_receipt_whose_web_process_is_killed_is_recorded_once(
    stack: Stack, gates: Gates, name: str
) -> None:
    play = Play(stack, gates, "Web killed", RECEIPTS)
    kill_web(stack, play, name)
    assert_ends(stack, play.ids[name], ONCE)
    told = stack.db.execute(
        "select count(*) from messaging.message_events "
        "where job_id = %s and delivery_status = 'delivered'",
        [play.ids[name]],
    ).fetchone()
    assert (1,) == told


@pytest.mark.parametrize("name", FAILURES)
def test_a_text_that_did_not_arrive_is_sent_again_once_whenever_the_web_process_dies(
    stack: Stack, gates: Gates, name: str
) -> None:
    play = Play(stack, gates, "Web killed", FAILURES)
    kill_web(stack, play, name)
    assert_ends(stack, play.ids[name], REPEATED)
    rows = stack.db.execute(
        "select messaging.cancel(id) from message_jobs where retry_of = %s", [play.ids[name]]
    )
    assert [("canceled",)] == rows.fetchall()


CALLERS = {
    "in its insert": (Scene(change="insert", ending=ONCE), "commit", 0),
    "before its commit": (Scene(ending=ONCE), "wait", 0),
    "as it commits": (Scene(change="insert", moment=Moment.COMMIT, ending=ONCE), "commit", 1),
}
"""The scene, what the caller does once the text is enqueued, and how many jobs there are then."""


@pytest.mark.parametrize("name", CALLERS)
def test_a_text_whose_caller_is_killed_exists_if_its_commit_did(
    stack: Stack, gates: Gates, name: str
) -> None:
    scene, then, jobs = CALLERS[name]
    play = Play(stack, gates, "A caller killed", {name: scene})
    play.arm(name)
    number = recipient(FIRST_NUMBER + list(CALLERS).index(name))
    with call(stack, number, play.body(name), then) as caller:
        if scene.change:
            play.wait_until_held(name)
        else:
            assert caller.stdout is not None
            assert b"enqueued\n" == caller.stdout.readline()
    play.open()
    stack.wait_until(lambda: not sessions_of_callers(stack))
    find = "select id from message_jobs where message_content = %s"
    found = stack.db.execute(find, [play.body(name)]).fetchall()
    assert jobs == len(found)
    for (id,) in found:
        assert_ends(stack, id, ONCE)


def sessions_of_callers(stack: Stack) -> int:
    """How many Postgres still has: until they are over, they may commit."""
    return stack.db.execute(
        "select pid from pg_stat_activity where application_name = %s", [CALLER]
    ).rowcount


@contextmanager
def call(stack: Stack, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A caller in a process of its own, which is killed in the end."""
    argv = (sys.executable, "-m", "tests.crash.caller", *words)
    with subprocess.Popen(argv, env=stack.environment, cwd=ROOT, stdout=subprocess.PIPE) as caller:
        try:
            yield caller
        finally:
            caller.kill()


def test_a_text_whose_time_comes_without_beat_is_sent_when_a_bridge_starts(
    stack: Stack, gates: Gates
) -> None:
    """It does not wait for beat: what a killed bridge had begun would rest for up to 20 s."""
    play = Play(stack, gates, "Beat killed", {"before its time": Scene(ending=ONCE)})
    stack.children["beat"].kill()
    time = now(stack) + timedelta(seconds=22)  # the runs that it has started last 20
    play.enqueue("before its time", scheduled_for=time)
    stack.wait_until(lambda: now(stack) > time)
    play.wait_until("before its time", "status = 'scheduled'")
    stack.children["bridge"].kill()
    stack.children["bridge"].start()
    assert_ends(stack, play.ids["before its time"], ONCE)
    stack.children["beat"].start()


def test_texts_that_wait_in_valkey_when_it_is_killed_are_handed_out_again(
    stack: Stack, gates: Gates
) -> None:
    """No worker takes them: it is frozen, and Redis dies with what it was to be given."""
    names = [f"number {n}" for n in range(50)]
    play = Play(stack, gates, "Valkey killed", {name: Scene(ending=ONCE) for name in names})
    stack.children["worker-1"].freeze()
    play.enqueue(*names)
    with redis.Redis.from_url(stack.valkey.url) as client:
        stack.wait_until(lambda: client.llen("deliver.normal") > 0)
    os.kill(stack.valkey.pid, signal.SIGKILL)
    stack.valkey.launch()
    stack.children["worker-1"].thaw()
    for name in names:
        assert_ends(stack, play.ids[name], ONCE)


def test_nothing_is_left_of_those_who_were_killed(stack: Stack) -> None:
    assert_nothing_is_left(stack)
