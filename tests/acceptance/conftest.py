"""Stacks for the tests of this folder, and what their processes said when one of them fails."""

from collections.abc import Generator, Iterator
from pathlib import Path
from secrets import token_urlsafe

import pytest

from messaging.local.postgres import EmbeddedPostgres
from tests.acceptance.stack import Shape, Stack

_LAST_WORDS = 3000

SMALL_CHUNKS = {"MESSAGING_CHUNK": "10"}
"""So that several workers get something of a small backlog, and urgent texts pass it."""
LOGIN = f"tests:{token_urlsafe()}"
"""Flower's, as user:password."""
SHORT_LEASES = {
    "MESSAGING_CONNECT_TIMEOUT": "1",
    "MESSAGING_READ_TIMEOUT": "2",
    "MESSAGING_SEND_DEADLINE": "1",
    "MESSAGING_SEND_LEASE": "5",
    "MESSAGING_ENTRY_LEASE": "6",
    "MESSAGING_QUIESCENCE": "5",
}
"""What takes minutes in production takes seconds here."""


@pytest.fixture(scope="module")
def calm(postgres: EmbeddedPostgres, folder: Path) -> Iterator[Stack]:
    """Two workers, a bridge, beat, the web process and Flower."""
    shape = Shape(workers=2, flower=True, environment={**SMALL_CHUNKS, "FLOWER_BASIC_AUTH": LOGIN})
    with Stack(shape, postgres, folder) as stack:
        yield stack


@pytest.fixture(scope="module")
def fragile(postgres: EmbeddedPostgres, folder: Path) -> Iterator[Stack]:
    """Two workers, a bridge, beat and the web process that find out soon who has died."""
    environment = {**SMALL_CHUNKS, **SHORT_LEASES, "WORKER_CONCURRENCY": "4"}
    with Stack(Shape(workers=2, environment=environment), postgres, folder) as stack:
        yield stack


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the logs of a module's stack."""
    return tmp_path_factory.mktemp("stack")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the last lines of every process to the report of a test that failed."""
    report = yield
    stacks = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Stack)]
    for stack in stacks if report.failed else ():
        for child in stack.children.values():
            report.sections.append((child.name, child.text()[-_LAST_WORDS:]))
    return report
