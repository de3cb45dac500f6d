"""The link to Postgres is cut while a statement or a commit is under way, for everybody at once.

A process whose commit was under way can't know whether it took effect. In a statement it did not.
Workers and lookups write what Twilio told until they know; the second time changes nothing.
"""

from datetime import timedelta

import pytest

from messaging.local.simulator import Kind
from tests.crash.endings import Ending, assert_nothing_is_left
from tests.crash.gates import Gates, Moment
from tests.crash.scenes import SILENT, Play, Scene, once
from tests.stack.batch import now
from tests.stack.stack import Stack

ONCE = Ending()
TOLD_BY_ANSWER = Ending(delivery="accepted")
UNSEEN = once(Kind.RESET_AFTER), SILENT

SENDING = {
    "a claim": Scene(change="pending > processing", ending=ONCE),
    "a claim's commit": Scene(
        change="pending > processing",
        moment=Moment.COMMIT,
        ending=Ending(attempt=2, journal=("swept", "reconciled", "settled")),
    ),
    "a settle": Scene(change="processing > sent", rules=[SILENT], ending=TOLD_BY_ANSWER),
    "a settle's commit": Scene(
        change="processing > sent", moment=Moment.COMMIT, rules=[SILENT], ending=TOLD_BY_ANSWER
    ),
    "a receipt's commit": Scene(change="receipt sent", moment=Moment.COMMIT, ending=ONCE),
}
LATER = {
    "a promotion": Scene(change="scheduled > pending", ending=ONCE),
    "a promotion's commit": Scene(change="scheduled > pending", moment=Moment.COMMIT, ending=ONCE),
}
DOUBTED = {
    "a clean read's commit": Scene(
        change="clean read",
        moment=Moment.COMMIT,
        rules=[once(Kind.RESET_BEFORE), SILENT],
        ending=Ending(attempt=2, delivery="accepted", journal=("settled", "reconciled", "settled")),
    ),
    "a reconciliation": Scene(
        change="in_doubt > sent", rules=UNSEEN, ending=Ending(journal=("settled", "reconciled"))
    ),
    "a reconciliation's commit": Scene(
        change="in_doubt > sent",
        moment=Moment.COMMIT,
        rules=UNSEEN,
        ending=Ending(journal=("settled", "reconciled")),
    ),
}
SCENES = {**SENDING, **LATER, **DOUBTED}


@pytest.fixture(scope="module")
def cut(stack: Stack, gates: Gates) -> Play:
    """Every connection to Postgres was reset with all of the scenes under way."""
    play = Play(stack, gates, "Cut off in", SCENES)
    play.enqueue(*DOUBTED)
    for name in DOUBTED:
        play.wait_until(name, "status = 'in_doubt'")
        play.put_off(name)
    for name in DOUBTED:
        play.bring_forward(name)
        play.wait_until_held(name)
    for name in LATER:
        play.enqueue(name, scheduled_for=now(stack) + timedelta(seconds=0.5))
        play.wait_until_held(name)
    play.enqueue_until_held(*SENDING)
    play.wait_until_held(*SCENES)
    assert stack.links.postgres.cut() >= len(SCENES)
    play.open()
    play.bring_forward(*DOUBTED)
    return play


@pytest.mark.parametrize("name", SCENES)
def test_a_text_whose_process_is_cut_off_from_postgres(stack: Stack, cut: Play, name: str) -> None:
    cut.assert_ends(name)


def test_nothing_is_left_where_commits_were_unknown(stack: Stack, cut: Play) -> None:
    assert_nothing_is_left(stack)
