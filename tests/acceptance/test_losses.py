"""Redis wiped or killed, processes killed with -9, in the middle of the work: all arrive once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import redis

from messaging.domain.job import FINAL
from tests.stack.batch import Batch, drafts, now, size
from tests.stack.stack import Stack

MANY = size(quick=1000, full=2000)
SOME = size(quick=400, full=1000)
LIMIT = 120.0


@pytest.fixture(autouse=True)
def _slow_twilio(fragile: Stack) -> Iterator[None]:
    """A quarter of a second for each request, so that there is a middle to hit."""
    fragile.twilio.adjust(latency_ms=250)
    yield
    fragile.twilio.adjust(latency_ms=0)


@contextmanager
def in_the_middle(stack: Stack, batch: Batch) -> Iterator[None]:
    """Runs what stands inside when some are sent, some are being sent and some wait in Redis."""
    stack.wait_until(lambda: batch.statuses()["sent"] > 0 and waiting(stack) > 0)
    print(f"{waiting(stack)} tasks wait, jobs: {dict(batch.statuses())}")
    assert batch.statuses()["processing"] > 0
    yield


def waiting(stack: Stack) -> int:
    """How many tasks wait in Redis for a worker."""
    with redis.Redis.from_url(stack.valkey.url) as client:
        return int(client.llen("deliver.normal"))


def test_texts_arrive_once_when_redis_is_wiped(fragile: Stack) -> None:
    batch = Batch.of(fragile, drafts(MANY, "Wiped"))
    with in_the_middle(fragile, batch), redis.Redis.from_url(fragile.valkey.url) as client:
        client.flushall()
    batch.assert_delivered_once(LIMIT)


def test_texts_arrive_once_when_redis_is_killed_and_comes_back_empty(fragile: Stack) -> None:
    batch = Batch.of(fragile, drafts(MANY, "Without Redis"))
    with in_the_middle(fragile, batch):
        os.kill(fragile.valkey.pid, signal.SIGKILL)
    fragile.valkey.launch()
    batch.assert_delivered_once(LIMIT)


def test_every_process_answers_after_redis_was_wiped_and_killed(fragile: Stack) -> None:
    """Their queues of commands were in Redis as well."""
    everybody = set(fragile.children) - {"web"}
    fragile.wait_until(lambda: everybody <= fragile.answering())


@pytest.mark.parametrize("name", ["worker-1", "bridge", "web"])
def test_texts_arrive_once_when_a_process_is_killed(fragile: Stack, name: str) -> None:
    batch = Batch.of(fragile, drafts(SOME, f"With {name} killed"))
    with in_the_middle(fragile, batch):
        fragile.children[name].kill()
    fragile.children[name].start()
    batch.assert_sent_once(LIMIT)
    assert_nothing_is_stuck(fragile)
    fragile.wait_until(fragile.is_ready)


def test_scheduled_texts_arrive_once_when_beat_is_killed(fragile: Stack) -> None:
    """Their time comes while there is no beat."""
    time = now(fragile) + timedelta(seconds=1)
    batch = Batch.of(fragile, drafts(50, "Without beat", scheduled_for=time))
    fragile.children["beat"].kill()
    fragile.wait_until(lambda: now(fragile) > time)
    fragile.children["beat"].start()
    batch.assert_delivered_once(LIMIT)


def assert_nothing_is_stuck(stack: Stack) -> None:
    """No job of any batch is still under way."""
    stack.wait_until(lambda: set(stack.jobs()) <= {status.value for status in FINAL})
