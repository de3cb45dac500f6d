"""The process that hands texts over to Twilio's scheduling, and takes them back, is killed."""

from datetime import timedelta

import pytest

from messaging.local.simulator import Call, Kind
from tests.crash.endings import Ending, assert_nothing_is_left
from tests.crash.gates import Gates, Moment
from tests.crash.scenes import SILENT, Play, Scene, once
from tests.stack.batch import now
from tests.stack.stack import Stack

HOUR = timedelta(hours=1)


def kept(*journal: str, attempt: int = 1) -> Ending:
    """Twilio has it, once, for later."""
    return Ending(status="scheduled", attempt=attempt, delivery="scheduled", journal=journal)


TAKEN_BACK = Ending(
    status="canceled", delivery="canceled", journal=("settled", "canceling", "recalled")
)

GIVEN = {
    "in its claim": Scene(change="scheduled > processing", ending=kept("settled")),
    "as its claim commits": Scene(
        change="scheduled > processing",
        moment=Moment.COMMIT,
        ending=kept("swept", "reconciled", "settled", attempt=2),
    ),
    "before Twilio took the text": Scene(
        rules=[once(Kind.HANG_BEFORE)],
        ending=kept("swept", "reconciled", "settled", attempt=2),
    ),
    "once Twilio took the text": Scene(
        rules=[once(Kind.HANG_AFTER)], ending=kept("swept", "reconciled")
    ),
    "in the settle": Scene(change="processing > scheduled", ending=kept("swept", "reconciled")),
    "as the settle commits": Scene(
        change="processing > scheduled", moment=Moment.COMMIT, ending=kept("settled")
    ),
}
WANTED_BACK = {
    "before Twilio dropped the text": Scene(
        rules=[SILENT, once(Kind.HANG_BEFORE, Call.UPDATE)], ending=TAKEN_BACK
    ),
    "once Twilio dropped the text": Scene(
        rules=[SILENT, once(Kind.HANG_AFTER, Call.UPDATE)], ending=TAKEN_BACK
    ),
    "as it notes that Twilio dropped the text": Scene(
        change="scheduled > canceled", rules=[SILENT], ending=TAKEN_BACK
    ),
    "as that note commits": Scene(
        change="scheduled > canceled", moment=Moment.COMMIT, rules=[SILENT], ending=TAKEN_BACK
    ),
}
SCENES = {**GIVEN, **WANTED_BACK}


@pytest.fixture(scope="module")
def killed(stack: Stack, gates: Gates) -> Play:
    """The process was killed with all of its scenes under way, and started again."""
    play = Play(stack, gates, "A hand-over killed", SCENES)
    time = now(stack) + HOUR
    play.enqueue(*WANTED_BACK, scheduled_for=time)
    stack.start_task("messaging.hand_over")
    for name in WANTED_BACK:
        play.wait_until(name, "handed_over_at is not null")
    want_back(play, "as it notes that Twilio dropped the text", "as that note commits")
    for name in sorted(GIVEN, key=hangs_at_twilio):
        play.enqueue(name, scheduled_for=time)
        stack.start_task("messaging.hand_over")
        play.wait_until_held(name)
    want_back(play, "before Twilio dropped the text", "once Twilio dropped the text")
    stack.children["bridge"].kill()
    play.open()
    play.end_leases()
    stack.children["bridge"].start()
    stack.start_task("messaging.hand_over")
    return play


def hangs_at_twilio(name: str) -> bool:
    """These last: Twilio is waited for some seconds, Postgres for ever."""
    return SCENES[name].change is None


def want_back(play: Play, *names: str) -> None:
    """Cancels them one after the other, so that each is taken back by a task of its own."""
    for name in names:
        play.arm_calls(name)
        assert "canceling" == play.stack.messaging.cancel(play.ids[name])
        play.stack.start_task("messaging.take_back")
        play.wait_until_held(name)


@pytest.mark.parametrize("name", GIVEN)
def test_a_text_whose_hand_over_is_killed_is_kept_by_twilio_once(
    stack: Stack, killed: Play, name: str
) -> None:
    """What was not kept is handed over by beat's next run; here the test asks for it."""
    if SCENES[name].ending.attempt == 2:
        killed.wait_until(name, "status = 'scheduled'")
        stack.start_task("messaging.hand_over")
    killed.assert_ends(name)


@pytest.mark.parametrize("name", WANTED_BACK)
def test_a_text_whose_recall_is_killed_is_taken_back(stack: Stack, killed: Play, name: str) -> None:
    killed.assert_ends(name)
    words = {one.status for one in stack.twilio.ledger.outbound if one.body == killed.body(name)}
    assert {"canceled"} == words


def test_nothing_is_left_of_killed_hand_overs(stack: Stack, killed: Play) -> None:
    assert_nothing_is_left(stack)
