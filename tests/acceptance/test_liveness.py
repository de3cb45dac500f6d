"""Every process is made to hang: those that are left notice it, and that it is back."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from celery import Celery

from messaging.local.postgres import EmbeddedPostgres
from messaging.local.processes import WORKER
from tests.stack.batch import Batch, drafts
from tests.stack.stack import Shape, Stack

QUICK = {
    "MESSAGING_PULSE": "0.3",
    "MESSAGING_STUCK_AFTER": "1.5",
    "MESSAGING_ALERT_SILENCE": "3",
    "MESSAGING_ALERT_PATIENCE": "0.3",
    "MESSAGING_ALERT_CALM": "0.6",
}
HANGING = replace(WORKER, line=WORKER.line.replace("messaging.celery", "tests.stack.hanging"))


@pytest.fixture(scope="module")
def stack(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("liveness")
    environment = {**QUICK, "TMPDIR": str(folder)}
    with Stack(Shape(environment=environment), postgres, folder) as stack:
        yield stack


def silent(stack: Stack) -> set[str]:
    """The kinds of processes whose silence has been told and is not over."""
    rows = stack.db.execute(
        "select subject from messaging.alerts where name = 'silent' and fired_at is not null"
    )
    return {role for (role,) in rows}


def probe(stack: Stack, role: str) -> tuple[int, str]:
    """What `messaging probe` says."""
    ran = subprocess.run(
        [sys.executable, "-m", "messaging", "probe", role],
        env=stack.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ran.returncode, ran.stdout + ran.stderr


@contextmanager
def frozen(stack: Stack, *names: str) -> Iterator[None]:
    """SIGSTOP until the block ends."""
    for name in names:
        stack.children[name].freeze()
    try:
        yield
    finally:
        for name in names:
            stack.children[name].thaw()


def told(stack: Stack, event: str) -> Counter[str]:
    """Whose silence, or its end, stands in a log, and how often it was told."""
    lines = [line for line in stack.logs().splitlines() if event in line and "silent" in line]
    return Counter(line.partition("subject=")[2].split()[0] for line in lines)


def test_all_live_as_long_as_nothing_hangs(stack: Stack) -> None:
    stack.wait_until(lambda: all(probe(stack, role)[0] == 0 for role in ("web", "worker")))
    assert (0, 0) == (probe(stack, "bridge")[0], probe(stack, "beat")[0])
    stack.wait_until(lambda: silent(stack) == set())


@pytest.mark.parametrize(
    "hanging", [("worker-1", "bridge", "beat"), ("web",)], ids=["all but web", "web"]
)
def test_a_process_that_hangs_is_noticed_by_those_that_are_left(
    stack: Stack, hanging: tuple[str, ...]
) -> None:
    roles = {name.partition("-")[0] for name in hanging}
    before = {event: told(stack, event) for event in ("alert_fired", "alert_resolved")}
    with frozen(stack, *hanging):
        stack.wait_until(lambda: roles == silent(stack))
        assert [(1, True)] * len(roles) == [
            (code, "Without a sign of life" in said)
            for code, said in (probe(stack, role) for role in sorted(roles))
        ]
    stack.wait_until(lambda: silent(stack) == set())
    stack.wait_until(lambda: all(probe(stack, role)[0] == 0 for role in roles))
    for event, earlier in before.items():
        since = told(stack, event) - earlier
        assert dict.fromkeys(roles, 1) == {role: since[role] for role in since.keys() & roles}


def test_a_worker_that_has_ceased_to_take_tasks_ends_itself_and_its_text_goes_out(
    stack: Stack,
) -> None:
    worker = stack.children["worker-1"]
    assert 0 == worker.stop()
    hanging = stack.start("hanging", HANGING, 9)
    stack.wait_until(lambda: "worker-9" in stack.answering())
    with Celery(broker=stack.valkey.url, set_as_current=False) as app:
        app.control.broadcast("hang")
    batch = Batch.of(stack, drafts(3, "While the worker hangs"))
    stack.wait_until(lambda: not hanging.is_running())
    assert "standstill_noticed" in hanging.text()
    assert hanging.process is not None
    assert 70 == hanging.process.exit_code()
    worker.start()
    # Redis gave one to the worker that hangs, and that one comes back with the end of its lease.
    batch.await_sent(2)


def test_a_process_that_ends_as_asked_is_missed_by_nobody(stack: Stack) -> None:
    for name in ("beat", "web"):
        stack.children[name].stop()
    rows = stack.db.execute("select role from messaging.heartbeats order by role")
    assert [("bridge",), ("worker",)] == rows.fetchall()
    assert not list((Path(stack.environment["TMPDIR"])).glob("messaging-*/beat-*"))
