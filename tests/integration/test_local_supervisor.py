"""The supervisor, with small programs in place of ours: lines, restarts, stops, kill -9."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from messaging.errors import Unreachable
from messaging.local.guard import Guard
from messaging.local.process import Process, Program, wait_until
from messaging.local.supervisor import Role, Supervisor

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
SLEEPS = "print('up', flush=True); import time; time.sleep(60)"
WITH_GRANDCHILD = (
    "import subprocess, sys; "
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)"
    "; import time; time.sleep(60)"
)


@dataclass
class Heard:
    """What the supervisor said."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    ends: list[tuple[str, int]] = field(default_factory=list)

    def line(self, name: str, text: str) -> None:
        self.lines.append((name, text))

    def end(self, name: str, code: int, _again_in: float) -> None:
        self.ends.append((name, code))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def supervisor(heard: Heard) -> Iterator[Supervisor]:
    made = Supervisor(on_line=heard.line, on_end=heard.end)
    yield made
    made.stop()


def role(code: str, *, name: str = "child", stage: int = 0, patience: float = 5.0) -> Role:
    program = Program(argv=(sys.executable, "-c", code), environment=os.environ)

    def launch() -> Process:
        return Process(program, output=subprocess.PIPE)

    return Role(name=name, launch=launch, stage=stage, patience=patience)


def is_gone(pid: int) -> bool:
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "stat="], capture_output=True, check=False)
    return not shown.stdout.strip() or shown.stdout.strip().startswith(b"Z")


def test_lines_are_passed_on_whole_with_the_name(supervisor: Supervisor, heard: Heard) -> None:
    code = "import sys, time; sys.stdout.write('one\\ntw'); sys.stdout.flush(); " + (
        "time.sleep(0.2); print('o'); sys.stdout.write('unfinished'); sys.stdout.flush(); "
        "print('!', file=sys.stderr); time.sleep(60)"
    )
    supervisor.start(role(code))
    assert supervisor.run(until=lambda: len(heard.lines) == 3, limit=10)
    assert heard.lines == [("child", "one"), ("child", "two"), ("child", "unfinished!")]


def test_the_last_words_of_a_child_are_passed_on(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.start(role("import sys; sys.stdout.write('a\\nlast'); sys.exit(3)"))
    assert supervisor.run(until=lambda: bool(heard.ends), limit=10)
    assert (heard.lines, heard.ends) == ([("child", "a"), ("child", "last")], [("child", 3)])


def test_a_child_that_dies_is_started_again(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.start(role(f"import os; print(os.getpid(), flush=True); {SLEEPS}"))
    assert supervisor.run(until=lambda: len(heard.lines) == 2, limit=10)
    first = int(heard.lines[0][1])
    os.kill(first, signal.SIGKILL)
    assert supervisor.run(until=lambda: len(heard.lines) == 4, limit=10)
    assert heard.ends == [("child", -9)]
    assert first != int(heard.lines[2][1])


def test_a_restart_that_fails_is_said_and_tried_again(supervisor: Supervisor, heard: Heard) -> None:
    good = role("raise SystemExit(1)")
    launches: list[int] = []

    def launch() -> Process:
        launches.append(1)
        if len(launches) == 2:
            raise Unreachable("The port is taken.")
        return good.launch()

    supervisor.start(Role(name="child", launch=launch, stage=0))
    assert supervisor.run(until=lambda: len(launches) == 3, limit=10)
    assert ("child", "The port is taken. Again in 1 s.") in heard.lines


def test_what_a_dead_child_leaves_behind_is_ended(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.start(role(f"import os; print(os.getpid(), flush=True); {WITH_GRANDCHILD}"))
    assert supervisor.run(until=lambda: len(heard.lines) == 2, limit=10)
    child, grandchild = (int(text) for _, text in heard.lines)
    os.kill(child, signal.SIGKILL)
    assert supervisor.run(until=lambda: bool(heard.ends), limit=10)
    assert wait_until(lambda: is_gone(grandchild), limit=10)


def test_stages_stop_one_after_the_other(supervisor: Supervisor, heard: Heard) -> None:
    polite = (
        "import signal, sys, time\n"
        "def end(*_):\n    time.sleep(0.2); print('bye', flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    for name, stage in (("last", 2), ("first", 0), ("second", 1)):
        supervisor.start(role(polite, name=name, stage=stage))
    assert supervisor.run(until=lambda: len(heard.lines) == 3, limit=10)
    supervisor.stop()
    assert [name for name, text in heard.lines if text == "bye"] == ["first", "second", "last"]


def test_a_child_that_ignores_the_request_is_killed(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.start(role(f"{STUBBORN} import os; print(os.getpid()); {SLEEPS}", patience=0.2))
    assert supervisor.run(until=lambda: len(heard.lines) == 2, limit=10)
    supervisor.stop()
    assert is_gone(int(heard.lines[0][1]))


def test_ctrl_c_ends_the_run_and_another_one_the_patience(
    supervisor: Supervisor, heard: Heard
) -> None:
    supervisor.start(role(f"{STUBBORN} import os; print(os.getpid()); {SLEEPS}", patience=600))
    code = f"import os, signal, time; os.kill({os.getpid()}, signal.SIGINT); time.sleep(0.3); "
    with supervisor.signals():
        assert supervisor.run(until=lambda: len(heard.lines) == 2, limit=10)
        again = [sys.executable, "-c", code + f"os.kill({os.getpid()}, signal.SIGINT)"]
        with subprocess.Popen(again):
            assert not supervisor.run(limit=10)
            assert supervisor.is_asked_to_stop
            supervisor.stop()
    assert is_gone(int(heard.lines[0][1]))


RUNS_WITH_GUARD = f"""
import os, signal, subprocess, sys, threading
from messaging.local.guard import Guard
from messaging.local.process import Process, Program

guard = Guard()
program = Program(argv=(sys.executable, "-c", {WITH_GRANDCHILD!r}), environment=os.environ)
child = Process(program, output=subprocess.PIPE, guard=guard)
print(guard.pid, child.pid, child.output.readline().decode(), flush=True)
signal.pause()
"""


def test_grandchildren_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUNS_WITH_GUARD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert [is_gone(pid) for pid in pids] == [False] * 3
        parent.kill()
    assert wait_until(lambda: all(is_gone(pid) for pid in pids), limit=10)


def test_a_guard_kills_who_ignores_it() -> None:
    guard = Guard(patience=0.2)
    program = Program(argv=(sys.executable, "-c", f"{STUBBORN} {SLEEPS}"), environment=os.environ)
    child = Process(program, output=subprocess.PIPE, guard=guard)
    assert child.output is not None
    assert child.output.readline() == b"up\n"
    guard.close()
    assert wait_until(lambda: child.exit_code() == -signal.SIGKILL, limit=10)
    child.output.close()


def test_who_keeps_dying_is_hopeless(supervisor: Supervisor, heard: Heard) -> None:
    supervisor.start(role("raise SystemExit(2)", name="sick"))
    supervisor.start(role(SLEEPS, name="well"))
    assert supervisor.run(until=lambda: bool(supervisor.hopeless), limit=10)
    assert ([("sick", 2)] * 3, ["sick"]) == (heard.ends, supervisor.hopeless)
