"""Processes that are asked to stop: they end what they have begun and leave the rest to others.

The lease of a queue entry is ten minutes here, so that whatever is not given back fails a test.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from celery import Celery

from messaging import Draft
from messaging.domain.job import FINAL
from messaging.intake import NORMAL_AHEAD
from tests.acceptance.test_losses import in_the_middle, waiting
from tests.stack.batch import Batch, drafts, size
from tests.stack.stack import Stack

MANY = size(quick=400, full=2000)
LIMIT = 60.0
TURNS = 4
PACE = 0.1
"""Seconds between two lots of texts."""
LOT = 10
ENDS = {"worker-1": 0, "worker-2": 0, "bridge": 0, "beat": 0, "web": -signal.SIGTERM}
"""How each ends that is asked to; uvicorn ends the web process with the signal it was sent."""


@pytest.fixture(autouse=True)
def _slow_twilio(patient: Stack) -> Iterator[None]:
    patient.twilio.adjust(latency_ms=250)
    yield
    patient.twilio.adjust(latency_ms=0)


def test_a_worker_fetches_few_tasks_ahead(patient: Stack) -> None:
    patient.twilio.adjust(latency_ms=1000)
    batch = Batch.of(patient, drafts(MANY, "Few ahead"))
    ahead = []
    with in_the_middle(patient, batch), Celery(broker=patient.valkey.url) as app:
        while waiting(patient):
            ahead += [len(tasks) for tasks in (app.control.inspect().reserved() or {}).values()]
    batch.assert_sent_once(LIMIT)
    assert NORMAL_AHEAD == max(ahead)


def test_a_worker_that_is_asked_to_stop_gives_back_what_it_has_not_begun(patient: Stack) -> None:
    """It may be asked in the very moment in which it has begun all that it took."""
    assert any(_gives_back(patient, f"Given back {turn}") for turn in range(TURNS))


def _gives_back(stack: Stack, words: str) -> bool:
    batch = Batch.of(stack, drafts(MANY, words))
    with in_the_middle(stack, batch):
        exit_code = stack.children["worker-1"].stop()
    said = stack.children["worker-1"].text()
    stack.children["worker-1"].start()
    batch.assert_sent_once(LIMIT)
    assert 0 == exit_code
    assert [] == batch.doubted()
    stack.wait_until(stack.is_ready)
    return "entries_given_back" in said


def test_a_rolling_restart_under_load_loses_doubles_and_doubts_nothing(patient: Stack) -> None:
    exit_codes = {}
    with texts_all_the_time(patient) as handed_over:
        for name in ENDS:
            exit_codes[name] = patient.children[name].stop()
            patient.children[name].start()
            patient.wait_until(patient.is_ready)
    batch = Batch(stack=patient, ids=[id for lot in handed_over for id in lot.ids])
    batch.assert_sent_once(LIMIT)
    assert ENDS == exit_codes
    assert [] == batch.doubted()
    assert {1} == set(batch.column("attempt").values())
    assert set(patient.jobs()) <= {status.value for status in FINAL}


@contextmanager
def texts_all_the_time(stack: Stack) -> Iterator[list[Batch]]:
    """Hands over a hundred texts a second while the block lasts; what was handed over."""
    handed_over: list[Batch] = []
    over = Event()

    def hand_over() -> None:
        while not over.wait(PACE):
            handed_over.append(Batch.of(stack, lot(len(handed_over))))

    thread = Thread(target=hand_over)
    thread.start()
    try:
        yield handed_over
    finally:
        over.set()
        thread.join()


def lot(number: int) -> list[Draft]:
    """Some texts that no other lot has."""
    return drafts(LOT, f"Rolling {number} at {time.time():.0f}")
