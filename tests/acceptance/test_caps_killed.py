"""A cap holds while workers are killed: what may be out counts, and nothing else does."""

from collections.abc import Iterator
from functools import partial

import pytest

from messaging.local.processes import WORKER
from messaging.local.simulator import Kind, Rule
from tests.stack.batch import FULL_SIZE, Batch, drafts
from tests.stack.stack import Stack

CAP = 40
TEXTS = 100
LIMIT = 120.0
WORKERS = ("worker-1", "worker-2")


pytestmark = pytest.mark.skipif(not FULL_SIZE, reason="takes a minute: at full scale only")


@pytest.fixture
def capped(workerless: Stack) -> Iterator[Stack]:
    """Two workers that may claim forty messages a day."""
    before = dict(workerless.environment)
    workerless.environment["MESSAGING_CAP_MESSAGES_DAY"] = str(CAP)
    for number, name in enumerate(WORKERS, start=1):
        workerless.start(name, WORKER, number)
    yield workerless
    for name in WORKERS:
        workerless.children[name].kill()
    workerless.environment = before
    workerless.db.execute("update message_jobs set status = 'canceled' where status = 'pending'")


def test_no_more_than_the_cap_goes_out_however_often_workers_are_killed(capped: Stack) -> None:
    batch = Batch.of(capped, drafts(TEXTS, "Under a cap"))
    for so_far, name in ((5, "worker-1"), (15, "worker-2"), (25, "worker-1")):
        capped.wait_until(partial(_has_come, batch, so_far))
        rule = capped.twilio.faults.add(Rule(kind=Kind.HANG_BEFORE, count=2))
        capped.wait_until(lambda: bool(capped.twilio.holds.held))
        capped.children[name].kill()
        capped.twilio.faults.remove(rule)
        capped.twilio.release()
        capped.children[name].start()
    capped.wait_until(lambda: len(batch.accepted()) >= CAP, LIMIT)
    capped.wait_until(lambda: batch.statuses() == {"sent": CAP, "pending": TEXTS - CAP}, LIMIT)
    assert CAP == len(batch.accepted())


def _has_come(batch: Batch, texts: int) -> bool:
    return len(batch.accepted()) >= texts
