"""Two campaigns at a low limit, with real workers: the small one passes the large one."""

from messaging.local.processes import WORKER
from tests.stack.batch import Batch, drafts
from tests.stack.stack import Stack

LARGE, SMALL = 300, 20
LIMIT = 30.0


def test_a_small_campaign_goes_out_between_the_texts_of_a_large_one(workerless: Stack) -> None:
    large = Batch.of(workerless, drafts(LARGE, "Large", metadata={"campaign": "large"}))
    small = Batch.of(workerless, drafts(SMALL, "Small", metadata={"campaign": "small"}))
    worker = workerless.start("worker-1", WORKER)
    small.assert_delivered_once(LIMIT)
    large.assert_delivered_once(LIMIT)
    worker.kill()
    last = max(small.accepted_at().values())
    before = sum(at < last for at in large.accepted_at().values())
    print(f"{before} of {LARGE} of the large campaign came before the small one's last")
    # Those handed out before, one each in turn, and a second's worth for a slot that is missed.
    assert before <= LARGE / 2
