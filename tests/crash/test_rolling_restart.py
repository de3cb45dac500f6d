"""All processes are restarted one after the other under 100 texts a second: nobody notices."""

import signal
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from messaging import Draft, JobId
from messaging.local.listening import is_healthy
from tests.crash.conftest import NORMAL
from tests.crash.endings import assert_nothing_is_left
from tests.stack.batch import Batch, recipient
from tests.stack.stack import Stack

FIRST_NUMBER = 50_000
PER_TICK = 10
TICK = 0.1
"""Seconds: 100 texts a second."""
NEXT_NUMBER = 11
"""Of the worker that takes worker-1's place."""


class Flow:
    """Texts that are handed over at a steady rate, while it is open."""

    def __init__(self, stack: Stack) -> None:
        """Nothing is handed over yet; use it with `with`."""
        self._stack = stack
        self._over = Event()
        self._thread = Thread(target=self._run, name="flow")
        self.ids: list[JobId] = []

    def __enter__(self) -> "Flow":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(TICK):
            first = len(self.ids)
            texts = [
                Draft(to=recipient(FIRST_NUMBER + n), body=f"Of a flow, number {n}")
                for n in range(first, first + PER_TICK)
            ]
            answers = self._stack.messaging.enqueue_many(texts)
            self.ids += [answer.id for answer in answers if answer.id]


@pytest.fixture(scope="module")
def restarted(stack: Stack) -> tuple[Batch, dict[str, int | None]]:
    """What was handed over while all were restarted, and how each of the old ones ended."""
    stack.twilio.adjust(latency_ms=250)
    with Flow(stack) as flow:
        stack.wait_until(lambda: len(flow.ids) > PER_TICK)
        ended = dict(restart(stack))
        enough = len(flow.ids) + 5 * PER_TICK
        stack.wait_until(lambda: len(flow.ids) > enough)
    stack.twilio.adjust(latency_ms=0)
    return Batch(stack=stack, ids=flow.ids), ended


def restart(stack: Stack) -> Iterator[tuple[str, int | None]]:
    """Each of the processes once: the worker's successor first, the others' afterwards."""
    old = stack.children["worker-1"]
    stack.start("worker-1", NORMAL, NEXT_NUMBER)
    stack.wait_until(lambda: f"worker-{NEXT_NUMBER}" in stack.answering())
    yield "worker", old.stop()
    for name in ("bridge", "beat", "web"):
        yield name, stack.children[name].stop()
        stack.children[name].start()
    stack.wait_until(lambda: is_healthy(stack.web_port, "/readyz"))
    stack.wait_until(lambda: {"bridge", "beat"} <= stack.answering())


def test_every_process_ends_by_itself_when_it_is_asked_to(
    restarted: tuple[Batch, dict[str, int | None]],
) -> None:
    """uvicorn ends the web process with the signal that it was given."""
    _, ended = restarted
    assert {"worker": 0, "bridge": 0, "beat": 0, "web": -signal.SIGTERM} == ended


def test_a_rolling_restart_loses_and_doubles_nothing(
    restarted: tuple[Batch, dict[str, int | None]],
) -> None:
    batch, _ = restarted
    batch.assert_sent_once()


def test_a_rolling_restart_leaves_nothing_in_doubt_at_any_time(
    restarted: tuple[Batch, dict[str, int | None]],
) -> None:
    batch, _ = restarted
    batch.assert_sent_once()
    assert [] == batch.doubted()


def test_nothing_is_left_of_a_rolling_restart(
    stack: Stack, restarted: tuple[Batch, dict[str, int | None]]
) -> None:
    assert_nothing_is_left(stack)
