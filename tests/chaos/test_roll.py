"""The roll of a run's processes."""

import subprocess
import sys

import pytest

from messaging.local.chaos import roll
from messaging.local.chaos.roll import Roll
from messaging.local.process import wait_until

_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1)
print(child.pid, flush=True)
input()
"""


def test_whoever_was_seen_is_left_until_it_has_ended() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    everybody = Roll()
    children = everybody.call()
    assert [child] == children[parent.pid]
    assert {parent.pid, child} <= pids(everybody)
    with parent:
        parent.kill()  # the child reads on, and ends when it notices
    assert parent.pid not in pids(everybody)
    assert wait_until(lambda: child not in pids(everybody), limit=10.0)


def pids(everybody: Roll) -> set[int]:
    return {int(one.split()[0]) for one in everybody.left()}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is one way only")
def test_both_ways_to_look_see_the_same_processes() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    with process:
        ways = (roll._linux, roll._elsewhere)
        seen = [{(one.pid, one.parent) for one in way()} for way in ways]
        assert process.pid in {pid for pid, _ in seen[0] & seen[1]}
        process.kill()
