"""A worker is frozen for twice the send lease with texts in its hands, and then goes on."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from messaging.local.simulator import Kind
from tests.crash.conftest import SHORT_TIMES, URGENT
from tests.crash.endings import Ending, assert_nothing_is_left
from tests.crash.gates import Gates, Moment
from tests.crash.scenes import SILENT, Play, Scene, once
from tests.stack.batch import now
from tests.stack.stack import Stack

FIRST = 9
"""The priority of urgent texts."""
FROZEN_FOR = 2 * timedelta(seconds=float(SHORT_TIMES["MESSAGING_SEND_LEASE"]))
AGAIN = Ending(attempt=2, journal=("swept", "reconciled", "settled"))

HELD = {
    "in its claim": Scene(
        # Nobody else sees the claim until it goes on, and then it is too late to send. Its lease
        # is over, too: the sweep may be quicker than the worker that says so.
        change="pending > processing",
        ending=Ending(attempt=2, journal=("settled", "settled")),
        or_else=AGAIN,
    ),
    "between its claim and its request": Scene(
        change="pending > processing", moment=Moment.COMMIT, ending=AGAIN
    ),
    "with its request on the way": Scene(rules=[once(Kind.HANG_BEFORE)], ending=AGAIN),
    "with its request at Twilio": Scene(
        rules=[once(Kind.HANG_AFTER), SILENT], ending=Ending(journal=("swept", "reconciled"))
    ),
    "with its request at Twilio, which called back": Scene(
        rules=[once(Kind.HANG_AFTER)], ending=Ending(journal=())
    ),
    "with the answer, in its settle": Scene(
        change="processing > sent", rules=[SILENT], ending=Ending(delivery="accepted")
    ),
    "as its settle commits": Scene(
        change="processing > sent",
        moment=Moment.COMMIT,
        rules=[SILENT],
        ending=Ending(delivery="accepted"),
    ),
}
NOT_BEGUN = {"with a task that it has not begun": Scene(ending=Ending())}
SCENES = {**HELD, **NOT_BEGUN}


@pytest.fixture(scope="module")
def frozen(stack: Stack, gates: Gates) -> Iterator[Play]:
    """The worker was frozen with all of its scenes under way; another one took its place."""
    play = Play(stack, gates, "Frozen", SCENES)
    worker = stack.children["worker-2"]
    play.enqueue_until_held(*HELD, priority=FIRST)
    worker.freeze()
    began = now(stack)
    play.open()
    play.enqueue(*NOT_BEGUN, priority=FIRST)
    stack.start("worker-3", URGENT, 3)
    stack.wait_until(lambda: now(stack) > began + FROZEN_FOR)
    worker.thaw()
    yield play
    stack.children.pop("worker-3").stop()


@pytest.mark.parametrize("name", SCENES)
def test_a_text_whose_worker_is_frozen_for_longer_than_its_lease(
    stack: Stack, frozen: Play, name: str
) -> None:
    frozen.assert_ends(name)


def test_nothing_is_left_of_a_worker_that_was_frozen(stack: Stack, frozen: Play) -> None:
    assert_nothing_is_left(stack)
