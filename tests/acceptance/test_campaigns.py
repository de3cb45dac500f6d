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
    middle = sorted(small.accepted_at().values())[SMALL // 2]
    before = sum(at < middle for at in large.accepted_at().values())
    print(f"{before} of {LARGE} of the large campaign came before half of the small one")
    # Those handed out before, and one each in turn. Of the last of the small one nothing is said:
    # a slot that is missed on a busy machine is a second.
    assert before <= LARGE / 2
