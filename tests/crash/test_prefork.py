"""A worker of the pool `prefork`: its children are killed, then its parent alone."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from messaging.local.process import is_running
from messaging.local.simulator import Kind
from tests.crash.conftest import SHORT_TIMES, URGENT
from tests.crash.endings import Ending, assert_nothing_is_left
from tests.crash.gates import Gates, Moment
from tests.crash.scenes import SILENT, Play, Scene, once
from tests.stack.stack import Stack

FIRST = 9
"""The priority of urgent texts."""
FORKING = replace(
    URGENT,
    line=URGENT.line.replace("--pool threads", "--pool prefork").replace(
        "--concurrency ${WORKER_CONCURRENCY:-16}", "--concurrency 2"
    ),
)
CHILDREN_KILLED = {
    "as its claim commits": Scene(
        change="pending > processing",
        moment=Moment.COMMIT,
        ending=Ending(attempt=2, journal=("swept", "reconciled", "settled")),
    ),
    "once Twilio took the text": Scene(
        rules=[once(Kind.HANG_AFTER), SILENT], ending=Ending(journal=("swept", "reconciled"))
    ),
}
ORPHANS_GO_ON = sys.platform != "linux"
"""On Linux, the kernel kills Celery's children with their parent (celery/concurrency/prefork.py).

Elsewhere a child goes on alone, and finds that it is too late to write the request.
"""
TOO_LATE = Ending(attempt=2, journal=("settled", "settled"))
UNSEEN = ("settled", "reconciled") if ORPHANS_GO_ON else ("swept", "reconciled")
PARENT_KILLED = {
    "in a child's claim": Scene(
        change="pending > processing", ending=TOO_LATE if ORPHANS_GO_ON else Ending()
    ),
    "with a child's request at Twilio": Scene(
        rules=[once(Kind.HANG_AFTER), SILENT], ending=Ending(journal=UNSEEN)
    ),
}
NEXT = {"the next one": Scene(ending=Ending())}
SCENES = {**CHILDREN_KILLED, **NEXT, **PARENT_KILLED}


@pytest.fixture(scope="module")
def killed(stack: Stack, gates: Gates) -> Play:
    """First the children were killed, then the parent of new ones."""
    play = Play(stack, gates, "A fork killed", SCENES)
    stack.children["worker-2"].stop()
    worker = stack.start("worker-2", FORKING, 2)
    stack.wait_until(lambda: "worker-2" in stack.answering())
    assert worker.process is not None
    parent = worker.process.pid

    play.enqueue_until_held(*CHILDREN_KILLED, priority=FIRST)
    for child in children(parent):
        os.kill(child, signal.SIGKILL)
    play.open()
    play.end_leases()
    play.enqueue(*NEXT, priority=FIRST)
    play.wait_until("the next one", "status = 'sent'")

    play.enqueue_until_held(*PARENT_KILLED, priority=FIRST)
    orphans = children(parent)
    os.kill(parent, signal.SIGKILL)
    wait_until_too_late(play, "with a child's request at Twilio")
    play.open()
    stack.wait_until(lambda: not any(map(is_running, orphans)))
    worker.kill()
    play.end_leases()
    stack.start("worker-2", URGENT, 2)
    return play


def children(parent: int) -> list[int]:
    """The processes that a process has forked."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True)
    pairs = [line.split() for line in listed.stdout.decode().splitlines()]
    return [int(pid) for pid, of in pairs if int(of) == parent]


def wait_until_too_late(play: Play, name: str) -> None:
    """A request that is not begun by now, after this one's claim, must not be begun."""
    deadline = SHORT_TIMES["MESSAGING_SEND_DEADLINE"]
    play.wait_until(name, f"claimed_at < clock_timestamp() - interval '{deadline} seconds'")


@pytest.mark.parametrize("name", SCENES)
def test_a_text_whose_child_or_parent_is_killed(stack: Stack, killed: Play, name: str) -> None:
    killed.assert_ends(name)


def test_nothing_is_left_of_killed_forks(stack: Stack, killed: Play) -> None:
    assert_nothing_is_left(stack)
