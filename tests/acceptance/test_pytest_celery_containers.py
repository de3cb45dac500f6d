"""Our processes with pytest-celery's own Redis container as their broker."""

from collections.abc import Iterator
from pathlib import Path

import docker  # type: ignore[import-untyped]
import pytest
from pytest_celery import RedisTestBroker

from messaging.local.postgres import EmbeddedPostgres
from tests.stack.batch import Batch, drafts
from tests.stack.stack import Shape, Stack

pytestmark = pytest.mark.containers


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    """pytest-docker-tools' own, which leaves its connections open, and warnings are errors."""
    client = docker.from_env()
    yield client
    client.close()


def test_texts_are_delivered_once_through_a_redis_in_a_container(
    celery_redis_broker: RedisTestBroker, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    assert celery_redis_broker.ready()
    shape = Shape(environment={"REDIS_URL": celery_redis_broker.config()["host_url"]})
    with Stack(shape, postgres, tmp_path) as stack:
        Batch.of(stack, drafts(200, "Through a container")).assert_delivered_once()
