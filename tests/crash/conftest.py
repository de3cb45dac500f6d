"""One stack for all tests of this folder: short times, a bad network, a worker for each lane."""

from collections.abc import Generator, Iterator
from dataclasses import replace

import pytest
import redis

from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import wait_until
from messaging.local.processes import BRIDGE, WORKER
from tests import servers
from tests.crash.gates import Gates, install
from tests.crash.impatience import Impatience
from tests.stack.stack import Shape, Stack

_LAST_WORDS = 3000
SHORT_TIMES = {
    "MESSAGING_CONNECT_TIMEOUT": "2",
    "MESSAGING_READ_TIMEOUT": "6",
    "MESSAGING_SEND_DEADLINE": "3",
    "MESSAGING_SEND_LEASE": "11.5",
    "MESSAGING_ENTRY_LEASE": "12.5",
    "MESSAGING_QUIESCENCE": "11.5",
    "MESSAGING_RETRY_BASE": "1",
}
"""What takes minutes in production takes seconds here, but enough of them for a busy machine."""
MANY_THREADS = replace(BRIDGE, line=BRIDGE.line.replace("--concurrency 16", "--concurrency 48"))
"""So that many of its tasks can be held at the same time."""
SHAPE = Shape(
    workers=0,
    bridge=MANY_THREADS,
    bad_network=True,
    environment={
        **SHORT_TIMES,
        "MESSAGING_CHUNK": "1",
        "MESSAGING_DATABASE_POOL_SIZE": "40",
        "WORKER_CONCURRENCY": "32",
        "TWILIO_NATIVE_SCHEDULING": "true",
        "MESSAGING_BREAKER_VOLUME": "30",
    },
)
"""A task and a thread for each text, so that each can be held at a place of its own. Outages open
the breaker, and the few texts of a play that fail on purpose do not."""
LANES = "deliver.urgent,deliver.normal"
NORMAL = replace(WORKER, line=WORKER.line.replace(LANES, "deliver.normal"))
URGENT = replace(WORKER, line=WORKER.line.replace(LANES, "deliver.urgent"))


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A Postgres for this folder alone: it is killed, filled and made read-only."""
    with servers.postgres(tmp_path_factory.mktemp("postgres")) as server:
        servers.have_migrated(server)
        install(servers.database(server, servers.MIGRATED))
        yield server


@pytest.fixture(scope="package")
def stack(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The web process, a bridge, beat, worker-1 for normal and worker-2 for urgent texts."""
    with Stack(SHAPE, server, tmp_path_factory.mktemp("crash")) as stack:
        stack.start("worker-1", NORMAL, 1)
        stack.start("worker-2", URGENT, 2)
        stack.wait_until(lambda: {"worker-1", "worker-2"} <= stack.answering())
        yield stack
    assert wait_until(lambda: not stack.left_over(), limit=10), "processes were left"


@pytest.fixture(scope="package")
def gates(stack: Stack) -> Iterator[Gates]:
    """Where processes are held."""
    gates = Gates(stack.database_url)
    yield gates
    gates.close()


@pytest.fixture(scope="module", autouse=True)
def _open_at_the_end(stack: Stack, gates: Gates) -> Iterator[None]:
    """A play that fails half-way leaves no gate shut for the next one.

    Nor do the failures of one and of the next make a breaker open in between.
    """
    yield
    gates.open_all()
    with redis.Redis.from_url(stack.valkey.url) as client:
        for key in client.scan_iter("messaging:breaker:*"):
            client.delete(key)


@pytest.fixture(scope="package", autouse=True)
def _impatience(stack: Stack) -> Iterator[None]:
    with Impatience(stack.valkey.url):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the last lines of every process to the report of a test that failed."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        for child in stack.children.values():
            report.sections.append((child.name, child.text()[-_LAST_WORDS:]))
    return report
