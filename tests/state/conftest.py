"""The world of a test's runs."""

from collections.abc import Iterator

import pytest

from tests.state.world import World


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    """A database and a runtime of the test's own."""
    opened = World(database_url, redis_url)
    yield opened
    opened.close()
