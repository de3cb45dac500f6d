"""A worker is killed with -9 at every point of a text's way: it is sent once, or not doubled."""

import pytest

from messaging.domain.job import InDoubtPolicy
from messaging.local.simulator import Kind, Rule
from tests.crash.endings import NOT_SENT, Ending, assert_nothing_is_left
from tests.crash.gates import Gates, Moment
from tests.crash.scenes import SILENT, Play, Scene, once
from tests.stack.stack import Stack

FOUND = Ending(journal=("swept", "reconciled"))
"""Twilio's list showed the text."""
AGAIN = Ending(attempt=2, journal=("swept", "reconciled", "settled"))
"""Twilio's list did not show it, in two clean reads: it was sent again."""

FULL = Rule(kind=Kind.REJECT, code=21611, count=1)
"""Our number's queue at Twilio is full. Not a 429: after one of those, a worker that waits for
answers begins no other request."""

SCENES = {
    "in its claim": Scene(change="pending > processing", ending=Ending()),
    "as its claim commits": Scene(
        change="pending > processing", moment=Moment.COMMIT, ending=AGAIN
    ),
    "with its request written, before Twilio took the text": Scene(
        rules=[once(Kind.HANG_BEFORE)], ending=AGAIN
    ),
    "once Twilio took the text and called back": Scene(
        rules=[once(Kind.HANG_AFTER)], ending=Ending(journal=())
    ),
    "once Twilio took the text, no callback": Scene(
        rules=[once(Kind.HANG_AFTER), SILENT], ending=FOUND
    ),
    "in the middle of the answer, after a callback": Scene(
        rules=[once(Kind.HANG_MIDWAY)], ending=Ending(journal=())
    ),
    "in the middle of the answer, no callback": Scene(
        rules=[once(Kind.HANG_MIDWAY), SILENT], ending=FOUND
    ),
    "with the answer, in its settle": Scene(
        change="processing > sent", rules=[SILENT], ending=FOUND
    ),
    "with the answer, as its settle commits": Scene(
        change="processing > sent",
        moment=Moment.COMMIT,
        rules=[SILENT],
        ending=Ending(delivery="accepted"),
    ),
    "with a refusal, in its settle": Scene(
        change="processing > failed",
        rules=[Rule(kind=Kind.REJECT)],
        ending=Ending(
            status="failed", attempt=2, journal=("swept", "reconciled", "settled"), **NOT_SENT
        ),
    ),
    "with a refusal, as its settle commits": Scene(
        change="processing > failed",
        moment=Moment.COMMIT,
        rules=[Rule(kind=Kind.REJECT)],
        ending=Ending(status="failed", **NOT_SENT),
    ),
    "told to come again, in its settle": Scene(
        change="processing > retrying", rules=[FULL], ending=AGAIN
    ),
    "told to come again, as its settle commits": Scene(
        change="processing > retrying",
        moment=Moment.COMMIT,
        rules=[FULL],
        ending=Ending(attempt=2, journal=("settled", "settled")),
    ),
    "in doubt, in its settle": Scene(
        change="processing > in_doubt", rules=[once(Kind.RESET_AFTER), SILENT], ending=FOUND
    ),
    "in doubt, as its settle commits": Scene(
        change="processing > in_doubt",
        moment=Moment.COMMIT,
        rules=[once(Kind.RESET_AFTER), SILENT],
        ending=Ending(journal=("settled", "reconciled")),
    ),
    "with policy hold": Scene(
        policy=InDoubtPolicy.HOLD,
        rules=[once(Kind.HANG_BEFORE)],
        ending=Ending(status="held", journal=("swept", "reconciled"), **NOT_SENT),
    ),
    "with policy fail": Scene(
        policy=InDoubtPolicy.FAIL,
        rules=[once(Kind.HANG_BEFORE)],
        ending=Ending(status="failed", journal=("swept", "reconciled"), **NOT_SENT),
    ),
    "with policy resend": Scene(
        policy=InDoubtPolicy.RESEND, rules=[once(Kind.HANG_BEFORE)], ending=AGAIN
    ),
}


@pytest.fixture(scope="module")
def killed(stack: Stack, gates: Gates) -> Play:
    """The worker was killed with all of its scenes under way, and started again."""
    play = Play(stack, gates, "A worker killed", SCENES)
    play.enqueue_until_held(*SCENES)
    stack.children["worker-1"].kill()
    play.open()
    play.end_leases()
    stack.children["worker-1"].start()
    return play


@pytest.mark.parametrize("name", SCENES)
def test_a_text_whose_worker_is_killed(stack: Stack, killed: Play, name: str) -> None:
    killed.assert_ends(name)


def test_nothing_is_left_of_killed_workers(stack: Stack, killed: Play) -> None:
    assert_nothing_is_left(stack)
