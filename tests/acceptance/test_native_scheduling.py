"""Twilio keeps texts for later: handed over, taken back, and never sent before their time."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil

import pytest

from messaging import Draft
from messaging.local.simulator import Kind, Match, Message, Rule
from tests.stack.batch import LATEST, Batch, at, lateness, now
from tests.stack.stack import Stack

HOUR = timedelta(hours=1)
TEXTS = 10
LIMIT = 90.0
UNSEEN = (Kind.RESET_AFTER, Kind.RESET_BEFORE, Kind.ERROR_BEFORE)


@pytest.fixture(autouse=True)
def _nothing_goes_out_before_its_time(native: Stack, unseen: object) -> Iterator[None]:
    """Whatever a test does: Twilio is never asked to send a text for later at once.

    What got no answer is looked up meanwhile, which takes a while.
    """
    yield
    rows = native.db.execute(
        "select id::text, scheduled_for from message_jobs where scheduled_for is not null"
    )
    times: dict[str | None, datetime] = dict(rows.fetchall())
    early = [
        message
        for message in native.twilio.ledger.outbound
        if message.job in times
        and (message.send_at or message.created_at) < times[message.job].timestamp()
    ]
    assert [] == [message for message in early if message.status != "canceled"]


def test_texts_for_later_are_kept_by_twilio(native: Stack) -> None:
    time = now(native) + HOUR
    batch = handed_over(native, at([time] * TEXTS, "For later"))
    assert {ceil(time.timestamp())} == {message.send_at for message in batch.accepted()}
    assert batch.are("scheduled")
    batch.assert_accepted_once()


def test_texts_that_are_due_too_soon_for_twilio_stay_with_us(native: Stack) -> None:
    soon = Batch.of(native, at([now(native) + timedelta(minutes=14)], "For soon"))
    handed_over(native, at([now(native) + HOUR], "For later than soon"))
    assert [] == soon.accepted()


def test_a_text_that_is_cancelled_here_is_cancelled_at_twilio(native: Stack) -> None:
    batch = handed_over(native, at([now(native) + HOUR] * TEXTS, "To be taken back"))
    assert {"canceling"} == {native.messaging.cancel(id) for id in batch.ids}
    native.wait_until(lambda: batch.are("canceled"))
    assert ["canceled"] * TEXTS == [message.status for message in batch.accepted()]


def test_a_text_that_is_rescheduled_is_taken_back_and_goes_out_at_its_new_time(
    native: Stack,
) -> None:
    batch = handed_over(native, at([now(native) + HOUR], "To be moved"))
    time = now(native) + timedelta(seconds=4)
    assert "rescheduling" == native.messaging.reschedule(batch.ids[0], time)
    native.wait_until(lambda: batch.are("sent"))
    assert ["canceled", "sent"] == [word_for(message) for message in batch.accepted()]
    (lag,) = lateness(batch, [time])
    assert 0 <= lag < LATEST


def test_a_text_that_twilio_refuses_to_keep_stays_with_us(native: Stack) -> None:
    batch = troubled(native, "Not to be kept", Rule(kind=Kind.REJECT, code=35114))
    native.wait_until(lambda: Counter(refusals(batch)) == {35114: TEXTS})
    assert batch.are("scheduled")
    assert [] == batch.accepted()


@pytest.fixture(scope="module")
def unseen(native: Stack) -> Mapping[Kind, Batch]:
    """Batches whose hand-over got no answer, one for each kind of silence."""
    rules = [Rule(kind=kind, count=TEXTS) for kind in UNSEEN]
    return {rule.kind: troubled(native, f"Unseen {rule.kind}", rule) for rule in rules}


@pytest.mark.parametrize("kind", UNSEEN)
def test_a_hand_over_without_an_answer_is_looked_up_and_not_repeated(
    native: Stack, unseen: Mapping[Kind, Batch], kind: Kind
) -> None:
    batch = unseen[kind]
    native.wait_until(lambda: len(batch.doubted()) == TEXTS and batch.are("scheduled"), LIMIT)
    native.start_task("messaging.hand_over")
    native.wait_until(lambda: len(kept(batch)) == TEXTS)
    batch.assert_accepted_once()


def test_twilio_sends_what_it_kept_at_its_time_and_we_know(native: Stack) -> None:
    """Last: what was kept before is sent, too."""
    batch = handed_over(native, at([now(native) + HOUR] * TEXTS, "At its time"))
    native.twilio.advance(HOUR.total_seconds() - 60)
    assert {"scheduled"} == {message.status for message in batch.accepted()}
    native.twilio.advance(61)
    batch.assert_delivered_once()
    native.twilio.advance(-HOUR.total_seconds() - 1)


def handed_over(stack: Stack, given: Sequence[Draft]) -> Batch:
    """A batch that Twilio keeps."""
    batch = Batch.of(stack, given)
    stack.start_task("messaging.hand_over")
    stack.wait_until(lambda: len(kept(batch)) == len(batch.ids))
    return batch


def troubled(stack: Stack, words: str, rule: Rule) -> Batch:
    """A batch whose hand-over begins and fails by this rule."""
    matched = Rule(kind=rule.kind, count=rule.count, code=rule.code, match=Match(body=words))
    stack.twilio.faults.add(matched)
    batch = Batch.of(stack, at([now(stack) + HOUR] * TEXTS, words))
    stack.start_task("messaging.hand_over")
    return batch


def kept(batch: Batch) -> list[Message]:
    """What Twilio keeps of a batch, where we know that it does."""
    known = set(batch.column("twilio_sid").values())
    return [one for one in batch.accepted() if one.status == "scheduled" and one.sid in known]


def refusals(batch: Batch) -> list[int]:
    """The codes with which Twilio refused to keep texts of a batch."""
    details = batch.column("error_details").values()
    return [detail["handover_refused"] for detail in details if detail]


def word_for(message: Message) -> str:
    """Whether Twilio dropped it or sends it."""
    return "canceled" if message.status == "canceled" else "sent"
