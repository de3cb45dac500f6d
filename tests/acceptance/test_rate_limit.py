"""A limit a second: kept, and used to the full."""

from collections.abc import Iterator

import pytest

from messaging.local.pacing.windows import Arrival, fullest
from messaging.local.processes import WORKER
from tests.stack.batch import Batch, drafts
from tests.stack.stack import Stack

SECONDS = 6
LIMIT = 30.0
"""From the first to the last, however late the worker starts and a receipt comes.

Celery's own rate limit, with its timers as they are, takes a minute and more for this.
"""


@pytest.fixture
def limited(workerless: Stack) -> Iterator[Stack]:
    """The stack with one worker."""
    worker = workerless.start("worker-1", WORKER)
    yield workerless
    worker.kill()


def test_a_backlog_is_sent_at_the_limit_and_not_faster(limited: Stack) -> None:
    rate = limited.settings.rate_limit_per_second
    assert rate is not None
    batch = Batch.of(limited, drafts(rate * SECONDS, "At the limit"))
    batch.assert_delivered_once(limit=120)
    arrivals = [Arrival(at=at) for at in sorted(batch.accepted_at().values())]
    took = arrivals[-1].at - arrivals[0].at
    print(f"{len(arrivals)} texts in {took:.2f} s")
    assert took < LIMIT
    # The limit and one, where nothing else keeps the machine busy; the simulator may be late, too.
    assert fullest(arrivals, 1) <= rate * 1.2
