"""Stacks for the tests of this folder, and what their processes said when one of them fails."""

from collections.abc import Generator, Iterator
from pathlib import Path
from secrets import token_urlsafe

import pytest

from messaging.local.postgres import EmbeddedPostgres
from tests.acceptance.containers import why_no_containers
from tests.stack.stack import Shape, Stack
from tests.stack.stage import Stage

_LAST_WORDS = 3000

FOLDER = Path(__file__).parent
STACKS = ("calm", "fragile", "narrow", "native", "patient", "workerless")

SMALL_CHUNKS = {"MESSAGING_CHUNK": "10"}
"""So that several workers get something of a small backlog, and urgent texts pass it."""
FEW_THREADS = {"WORKER_CONCURRENCY": "4"}
"""So that tasks wait in Redis while others are at work."""
SHORT_LEASES = {
    "MESSAGING_CONNECT_TIMEOUT": "1",
    "MESSAGING_READ_TIMEOUT": "2",
    "MESSAGING_SEND_DEADLINE": "1",
    "MESSAGING_SEND_LEASE": "5",
    "MESSAGING_ENTRY_LEASE": "6",
    "MESSAGING_QUIESCENCE": "5",
}
"""What takes minutes in production takes seconds here."""

SOME_SECONDS = {
    "MESSAGING_CONNECT_TIMEOUT": "1",
    "MESSAGING_READ_TIMEOUT": "8",
    "MESSAGING_SEND_DEADLINE": "3",
    "MESSAGING_SEND_LEASE": "13",
    "MESSAGING_ENTRY_LEASE": "14",
    "MESSAGING_QUIESCENCE": "13",
}
"""For two workers that have just started, both of which are to be hit."""
NEVER_TOO_LATE = {
    "MESSAGING_CONNECT_TIMEOUT": "10",
    "MESSAGING_READ_TIMEOUT": "20",
    "MESSAGING_SEND_DEADLINE": "15",
    "MESSAGING_SEND_LEASE": "50",
    "MESSAGING_ENTRY_LEASE": "600",
}
"""So that no text is late or in doubt because the machine is busy."""

CALM = Shape(
    workers=2,
    flower=True,
    environment={
        **SMALL_CHUNKS,
        "FLOWER_BASIC_AUTH": f"tests:{token_urlsafe()}",
        "MESSAGING_KEEP_JOBS_DAYS": "7",
    },
)
FRAGILE = Shape(workers=2, environment={**SMALL_CHUNKS, **FEW_THREADS, **SHORT_LEASES})
WORKERLESS = Shape(
    workers=0,
    environment={**SMALL_CHUNKS, **SOME_SECONDS, "TWILIO_RATE_LIMIT_PER_SECOND": "50"},
)
NEVER_STOPPED = {"MESSAGING_BREAKER_VOLUME": "100000"}
"""Where Twilio fails for nearly every text, and on purpose."""
NATIVE = Shape(environment={**SHORT_LEASES, **NEVER_STOPPED, "TWILIO_NATIVE_SCHEDULING": "true"})
PATIENT = Shape(
    workers=2,
    environment={**SMALL_CHUNKS, **FEW_THREADS, **NEVER_TOO_LATE},
)
LANES, CHUNK, THREADS = 20, 10, 5
"""Four tasks of the normal lane are enough for these lanes, and leave a thread free."""
NARROW = Shape(
    environment={
        **NEVER_TOO_LATE,
        "MESSAGING_IN_FLIGHT": str(LANES),
        "MESSAGING_CHUNK": str(CHUNK),
        "WORKER_CONCURRENCY": str(THREADS),
    }
)


@pytest.fixture(scope="package")
def stage(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where one stack is at a time."""
    with Stage(postgres, tmp_path_factory) as stage:
        yield stage


@pytest.fixture(scope="module")
def calm(stage: Stage) -> Stack:
    """Two workers, a bridge, beat, the web process and Flower."""
    return stage.stack("calm", CALM)


@pytest.fixture(scope="module")
def fragile(stage: Stage) -> Stack:
    """Two workers, a bridge, beat and the web process, which find out soon who has died."""
    return stage.stack("fragile", FRAGILE)


@pytest.fixture(scope="module")
def narrow(stage: Stage) -> Stack:
    """A worker that keeps few requests open, a bridge, beat and the web process."""
    return stage.stack("narrow", NARROW)


@pytest.fixture(scope="module")
def native(stage: Stage) -> Stack:
    """A worker, a bridge, beat and the web process that hand over to Twilio's scheduling."""
    return stage.stack("native", NATIVE)


@pytest.fixture(scope="module")
def patient(stage: Stage) -> Stack:
    """Two workers, a bridge, beat and the web process; a lost queue entry is lost for long."""
    return stage.stack("patient", PATIENT)


@pytest.fixture(scope="module")
def workerless(stage: Stage) -> Stack:
    """A bridge, beat and the web process, 50 texts a second; its tests bring the workers."""
    return stage.stack("workerless", WORKERLESS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the same stack follow each other, so that each is started once."""
    here = [item for item in items if item.path.is_relative_to(FOLDER)]
    ordered = iter(sorted(here, key=_place))
    items[:] = [next(ordered) if item in here else item for item in items]


def _place(item: pytest.Item) -> int:
    names = getattr(item, "fixturenames", ())
    return next((n for n, name in enumerate(STACKS, start=1) if name in names), 0)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what needs a container engine where none runs, before anything asks for it."""
    if item.get_closest_marker("containers") and (reason := why_no_containers()):
        pytest.skip(reason)


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
