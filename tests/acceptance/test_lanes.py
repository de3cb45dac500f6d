"""The two lanes of a worker: what one of them has too much of does not hold the other one up."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from messaging.consumer import ENOUGH
from messaging.domain.job import URGENT_ABOVE
from messaging.line import TASK
from messaging.local.simulator import Kind, Rule
from tests.acceptance.conftest import CHUNK, LANES, THREADS
from tests.stack.batch import Batch, drafts
from tests.stack.stack import Stack

MANY = 400
LIMIT = 60.0


@pytest.fixture(autouse=True)
def _twilio_answers_in_the_end(narrow: Stack) -> Iterator[None]:
    yield
    narrow.twilio.faults.clear()
    narrow.twilio.release()


def test_urgent_tasks_find_a_thread_while_texts_of_the_normal_lane_hang(narrow: Stack) -> None:
    narrow.twilio.faults.add(Rule(kind=Kind.HANG_BEFORE))
    normal = Batch.of(narrow, drafts(MANY, "Hanging"))
    with Celery(broker=narrow.valkey.url) as app:
        narrow.wait_until(lambda: len(_under_way(app, "normal")) >= THREADS - 1)
        urgent = Batch.of(narrow, drafts(1, "Urgent", priority=URGENT_ABOVE + 1))
        narrow.wait_until(lambda: bool(_under_way(app, "urgent")))
        assert ENOUGH * LANES // CHUNK == len(_under_way(app, "normal"))
    narrow.twilio.faults.clear()
    narrow.twilio.release()
    for batch in (normal, urgent):
        batch.assert_sent_once(LIMIT)


def _under_way(app: Celery, lane: str) -> list[Any]:
    told = app.control.inspect().active() or {}
    tasks = [task for tasks in told.values() for task in tasks]
    return [task for task in tasks if task["name"] == TASK and task["args"][0] == lane]
