"""Our worker under pytest-celery: its API starts it, kills it with -9, and starts it again."""

from collections.abc import Iterator

import pytest
from celery import Celery
from pytest_celery import (
    CeleryBrokerCluster,
    CeleryTestBroker,
    CeleryTestSetup,
    CeleryTestWorker,
    CeleryWorkerCluster,
)

from messaging.local.processes import WORKER
from messaging.local.simulator import Kind, Match, Rule
from tests.acceptance.pytest_celery_process import PrivateSetup, ProcessContainer, ValkeyContainer
from tests.stack.batch import Batch, drafts
from tests.stack.stack import Stack


@pytest.fixture
def celery_setup_cls() -> type[CeleryTestSetup]:
    """pytest-celery's setup, kept to itself."""
    return PrivateSetup


@pytest.fixture
def celery_backend_cluster() -> None:
    """No result is kept."""


@pytest.fixture
def celery_broker_cluster(workerless: Stack) -> CeleryBrokerCluster:
    """The stack's Valkey."""
    return CeleryBrokerCluster(CeleryTestBroker(ValkeyContainer(workerless.valkey)))


@pytest.fixture
def celery_worker_cluster(
    workerless: Stack, celery_setup_app: Celery
) -> Iterator[CeleryWorkerCluster]:
    """Two workers as processes. The cluster's own teardown does nothing, so nodes end singly."""
    cluster = CeleryWorkerCluster(
        *(CeleryTestWorker(container(workerless, n), celery_setup_app) for n in (1, 2))
    )
    yield cluster
    for node in cluster:
        node.teardown()


@pytest.fixture
def celery_worker_cluster_config(celery_broker_cluster: CeleryBrokerCluster) -> dict[str, object]:
    """Where the workers find their broker: the app needs it before there are workers."""
    return {"celery_broker_cluster_config": celery_broker_cluster.config()}


def container(stack: Stack, number: int) -> ProcessContainer:
    """A worker of the stack, started."""
    child = stack.start(f"worker-{number}", WORKER, number)
    return ProcessContainer(
        child,
        queues="deliver.urgent,deliver.normal",
        answers=lambda: child.name in stack.answering(),
    )


def test_its_setup_finds_our_workers_and_they_send(
    workerless: Stack, celery_setup: CeleryTestSetup
) -> None:
    assert celery_setup.ready(control=True)
    assert 3 == len(celery_setup)
    Batch.of(workerless, drafts(100, "By pytest-celery")).assert_delivered_once()
    for worker in celery_setup.worker_cluster:
        worker.assert_log_exists("chunk_delivered")


def test_texts_are_sent_once_though_their_worker_is_killed_while_it_sends_them(
    workerless: Stack, celery_setup: CeleryTestSetup
) -> None:
    """Twilio holds two requests open so that the kill hits both: it has accepted one of them.

    No callback tells which, so that only Twilio's list does.
    """
    assert celery_setup.ready()
    # What is imported late is imported now: the two texts are to be under way together.
    Batch.of(workerless, drafts(20, "Warming up")).assert_delivered_once()
    twilio = workerless.twilio
    for rule in (
        Rule(kind=Kind.HANG_BEFORE, count=1, match=Match(body="Held open, number 0")),
        Rule(kind=Kind.HANG_AFTER, count=1, match=Match(body="Held open, number 1")),
        Rule(kind=Kind.CALLBACK_LOST, match=Match(body="Held open")),
    ):
        twilio.faults.add(rule)
    batch = Batch.of(workerless, drafts(2, "Held open"))
    workerless.wait_until(lambda: len(twilio.holds.held) == 2)
    for worker in celery_setup.worker_cluster:
        worker.kill()
    assert ["exited"] * 2 == [worker.container.status for worker in celery_setup.worker_cluster]
    for worker in celery_setup.worker_cluster:
        worker.restart()
    batch.assert_sent_once(limit=90)


def test_texts_are_delivered_once_though_the_broker_is_killed(
    workerless: Stack, celery_setup: CeleryTestSetup
) -> None:
    assert celery_setup.ready()
    celery_setup.broker.kill()
    batch = Batch.of(workerless, drafts(20, "Without a broker"))
    celery_setup.broker.restart()
    batch.assert_delivered_once(limit=90)
