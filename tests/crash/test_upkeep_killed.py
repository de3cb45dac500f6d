"""The process that promotes, sweeps and reconciles is killed with -9 while it does so."""

from datetime import timedelta

import pytest

from messaging.local.simulator import Call, Kind
from tests.crash.conftest import SHORT_TIMES
from tests.crash.endings import Ending, assert_nothing_is_left
from tests.crash.gates import Gates, Moment
from tests.crash.scenes import SILENT, Play, Scene, once
from tests.stack.batch import now
from tests.stack.stack import Stack

UNSEEN = once(Kind.RESET_AFTER), SILENT
"""Twilio took the text, and neither answer nor callback tells."""
LOST = once(Kind.RESET_BEFORE), SILENT
"""Twilio never had the text, and no answer tells."""
FOUND = Ending(journal=("settled", "reconciled"))
AGAIN = Ending(
    attempt=2, journal=("settled", "reconciled", "settled"), delivery="accepted"
)  # no callback tells of the second one either

PROMOTED = {
    "in a promotion": Scene(change="scheduled > pending", ending=Ending()),
    "as a promotion commits": Scene(
        change="scheduled > pending", moment=Moment.COMMIT, ending=Ending()
    ),
}
SWEPT = {
    "in a sweep": Scene(
        change="processing > in_doubt",
        rules=[once(Kind.HANG_AFTER), SILENT],
        ending=Ending(journal=("swept", "reconciled")),
    ),
    "as a sweep commits": Scene(
        change="processing > in_doubt",
        moment=Moment.COMMIT,
        rules=[once(Kind.HANG_AFTER), SILENT],
        ending=Ending(journal=("swept", "reconciled")),
    ),
}
LOOKED_UP = {
    "as it counts a clean read": Scene(change="clean read", rules=LOST, ending=AGAIN),
    "as the count of a clean read commits": Scene(
        change="clean read", moment=Moment.COMMIT, rules=LOST, ending=AGAIN
    ),
    "with the text found, in its settle": Scene(
        change="in_doubt > sent", rules=UNSEEN, ending=FOUND
    ),
    "with the text found, as its settle commits": Scene(
        change="in_doubt > sent", moment=Moment.COMMIT, rules=UNSEEN, ending=FOUND
    ),
}
ASKING = {
    "while it asks Twilio": Scene(rules=[*UNSEEN, once(Kind.HANG_BEFORE, Call.LIST)], ending=FOUND),
}
PROVED = {
    "with the text proved lost, in its settle": Scene(
        change="in_doubt > pending", rules=LOST, ending=AGAIN
    ),
    "with the text proved lost, as its settle commits": Scene(
        change="in_doubt > pending", moment=Moment.COMMIT, rules=LOST, ending=AGAIN
    ),
}
QUIESCENCE = SHORT_TIMES["MESSAGING_QUIESCENCE"]
SCENES = {**PROMOTED, **SWEPT, **LOOKED_UP, **PROVED, **ASKING}


@pytest.fixture(scope="module")
def killed(stack: Stack, gates: Gates) -> Play:
    """The process was killed with all of its scenes under way, and started again."""
    play = Play(stack, gates, "Upkeep killed", SCENES)
    begin_doubts(play)
    hold_sweeps(play)
    hold_promotions(play)
    hold_lookups(play)
    play.wait_until_held(*SCENES)
    stack.children["bridge"].kill()
    play.open()
    play.end_leases()
    stack.children["bridge"].start()
    return play


def begin_doubts(play: Play) -> None:
    """Jobs in doubt that nobody looks at yet, some of them after one clean read."""
    names = (*PROVED, *LOOKED_UP, *ASKING)
    play.enqueue(*names)
    for name in names:
        play.wait_until(name, "status = 'in_doubt'")
        play.put_off(name)
    play.bring_forward(*PROVED)
    for name in PROVED:
        play.wait_until(name, "clean_reads = 1")
        play.put_off(name)


def hold_lookups(play: Play) -> None:
    """One after the other: a look-up takes with it all that are due at the same time."""
    for name in (*LOOKED_UP, *PROVED, *ASKING):
        play.wait_until(name, f"claimed_at < clock_timestamp() - interval '{QUIESCENCE} seconds'")
        play.arm_calls(name)
        play.bring_forward(name)
        play.wait_until_held(name)


def hold_sweeps(play: Play) -> None:
    """Their worker is killed, and their leases end one after the other."""
    play.enqueue(*SWEPT)
    play.stack.wait_until(lambda: len(hanging(play)) == len(SWEPT))
    play.stack.children["worker-1"].kill()
    play.stack.children["worker-1"].start()
    for name in SWEPT:
        play.bring_forward(name)
        play.wait_until_held(name)


def hanging(play: Play) -> list[str]:
    """The texts to be swept whose requests hang at Twilio."""
    bodies = {play.body(name) for name in SWEPT}
    return [held.body for held in play.stack.twilio.holds.held if held.body in bodies]


def hold_promotions(play: Play) -> None:
    """At different times, so that different promotions are held."""
    for name in PROMOTED:
        play.enqueue(name, scheduled_for=now(play.stack) + timedelta(seconds=0.5))
        play.wait_until_held(name)


@pytest.mark.parametrize("name", SCENES)
def test_a_text_whose_upkeep_is_killed(stack: Stack, killed: Play, name: str) -> None:
    killed.assert_ends(name)


def test_nothing_is_left_of_killed_upkeep(stack: Stack, killed: Play) -> None:
    assert_nothing_is_left(stack)
