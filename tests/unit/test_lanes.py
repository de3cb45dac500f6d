"""Lanes: every text is sent, whenever it comes, urgent ones first, and each in its slot."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest

from messaging.domain.answers import Accepted, Answer, NotSent, Outgoing
from messaging.domain.job import JobId, Phone, Sid
from messaging.domain.pacing import Slot
from messaging.twilio.crowd import REST
from messaging.twilio.groups import Groups
from messaging.twilio.lanes import Lanes
from tests.sending import told

TAKEN = Accepted(sid=Sid("SM" + "0" * 32), status="queued")
CROWDED = NotSent(
    reason="too many", retry_after=timedelta(seconds=1), costs_retry=False, crowded=True
)


def groups(*bodies: str, urgent: bool = False) -> Groups:
    texts = [
        Outgoing(
            job_id=JobId(uuid4()),
            attempt=1,
            to=Phone("+15551230000"),
            body=body,
            write_before=math.inf,
        )
        for body in bodies
    ]
    return Groups(texts, urgent=urgent)


def test_a_text_that_comes_as_the_last_lane_ends_is_sent() -> None:
    sent: list[str] = []
    second = groups("second")

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            sent.append(text.body)
            if text.body == "first":
                # It comes after the lane has looked for another text, and before its task is over.
                asyncio.get_running_loop().call_soon(lanes.add, second)
            return TAKEN

        lanes = Lanes(1, told(send))
        lanes.add(groups("first"))
        async with asyncio.timeout(10):
            while len(sent) < 2:
                await asyncio.sleep(0)

    asyncio.run(story())
    assert ["first", "second"] == sent


def test_texts_that_wait_go_out_in_the_order_in_which_they_came_urgent_ones_first() -> None:
    sent: list[str] = []
    normal, urgent = groups("1", "2", "3"), groups("4", "5", urgent=True)

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            sent.append(text.body)
            await asyncio.sleep(0)
            return TAKEN

        lanes = Lanes(1, told(send))
        lanes.add(normal)
        lanes.add(urgent)
        await lanes.end()

    asyncio.run(story())
    assert ["1", "4", "5", "2", "3"] == sent, "the first has the lane when the urgent ones come"


def answers(texts: Groups) -> list[Answer]:
    """What each came to, once the loop has ended."""
    return [answer for group in texts.read(lambda: False) for _, answer in group]


@dataclass
class Throttle:
    """Gives these slots, then others that begin at once; remembers who asked, and for what."""

    first: list[Slot | None] = field(default_factory=list)
    asked: list[tuple[int, bool]] = field(default_factory=list)

    async def slot(self, units: int, *, urgent: bool, until: float) -> Slot | None:
        self.asked.append((units, urgent))
        await asyncio.sleep(0)
        if self.first:
            return self.first.pop(0)
        return Slot(start=time.monotonic(), end=time.monotonic() + 10)


def test_a_slot_is_asked_for_once_there_is_a_lane() -> None:
    throttle = Throttle()
    unanswered: list[int] = []
    done = 0

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            nonlocal done
            await asyncio.sleep(0.01)
            unanswered.append(len(throttle.asked) - done)
            done += 1
            return TAKEN

        lanes = Lanes(2, told(send), throttle.slot)
        lanes.add(groups("1", "2", "3", "4"))
        await lanes.end()

    asyncio.run(story())
    assert (4, 2) == (len(throttle.asked), max(unanswered))


def test_a_text_is_sent_in_its_slot_and_counts_its_units() -> None:
    sent: list[tuple[float, float]] = []
    start = time.monotonic() + 0.1
    throttle = Throttle([Slot(start=start, end=start + 5)])
    long = Groups([replace(groups("long").messages[0], units=3)], urgent=True)

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            sent.append((time.monotonic(), text.write_before))
            assert text.late_wait == timedelta(seconds=1)
            return TAKEN

        lanes = Lanes(2, told(send), throttle.slot)
        lanes.add(long)
        await lanes.end()

    asyncio.run(story())
    assert [(3, True)] == throttle.asked
    ((began, write_before),) = sent
    assert began >= start
    assert start + 5 == write_before


def test_a_text_that_is_too_late_for_its_slot_takes_another_one() -> None:
    sent: list[str] = []
    throttle = Throttle([Slot(start=0.0, end=1.0)] * 3)
    one = groups("one")

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            sent.append(text.body)
            return TAKEN

        lanes = Lanes(2, told(send), throttle.slot)
        lanes.add(one)
        await lanes.end()

    asyncio.run(story())
    assert (["one"], 4, [TAKEN]) == (sent, len(throttle.asked), answers(one))


def test_a_text_for_which_there_is_no_slot_was_not_sent_and_is_tried_again_soon() -> None:
    one = groups("one", "two")
    throttle = Throttle([None])

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            return TAKEN

        lanes = Lanes(1, told(send), throttle.slot)
        lanes.add(one)
        await lanes.end()

    asyncio.run(story())
    late, taken = answers(one)
    assert isinstance(late, NotSent)
    assert (False, timedelta(seconds=1)) == (late.costs_retry, late.retry_after)
    assert TAKEN == taken


def test_after_a_single_request_was_refused_those_that_wait_for_slots_rest_as_well() -> None:
    texts, sent = groups("1", "2", "3"), list[float]()
    now = time.monotonic()
    throttle = Throttle([Slot(start=now + n / 50, end=now + 10) for n in range(3)])

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            sent.append(time.monotonic())
            return CROWDED

        lanes = Lanes(10, told(send), throttle.slot)
        lanes.add(texts)
        await lanes.end()

    asyncio.run(story())
    assert 3 == len(answers(texts))
    assert [] == [gap for gap in (b - a for a, b in pairwise(sent)) if gap < REST - 0.01]


def test_a_lane_that_is_too_many_when_its_slot_comes_sends_nothing_and_loses_nothing() -> None:
    """Twilio says 429 while the others wait for their slots."""
    texts = groups(*(str(number) for number in range(30)))
    under_way, busiest, refused = 0, 0, 0
    soon = time.monotonic() + 0.05
    begun, coming = Slot(start=0, end=soon + 10), Slot(start=soon, end=soon + 10)
    throttle = Throttle([*[begun] * 3, *[coming] * 7])

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            nonlocal under_way, busiest, refused
            under_way += 1
            if under_way > 2:
                refused += 1
                under_way -= 1
                return CROWDED
            busiest = max(busiest, under_way)
            await asyncio.sleep(0.1)
            under_way -= 1
            return TAKEN

        lanes = Lanes(10, told(send), throttle.slot)
        lanes.add(texts)
        await lanes.end()

    asyncio.run(story())
    assert 30 == len(found := answers(texts))
    assert refused == found.count(CROWDED)
    assert 2 == busiest
    assert refused < 8, "of the seven that wait for their slots, none is sent"


def test_lanes_without_texts_end_and_others_are_opened_for_those_that_come_later() -> None:
    sent: list[str] = []

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            sent.append(text.body)
            await asyncio.sleep(0)
            return TAKEN

        lanes = Lanes(2, told(send))
        await lanes.end()
        for texts in (groups("1", "2", "3"), groups("4"), groups("5", "6")):
            lanes.add(texts)
            await lanes.end()
            assert len(texts.messages) == len(answers(texts))

    asyncio.run(story())
    assert ["1", "2", "3", "4", "5", "6"] == sent


@pytest.mark.parametrize(("most", "kept"), [(100, 2), (49, 0)])
def test_some_of_many_lanes_are_kept_for_urgent_texts(most: int, kept: int) -> None:
    sent: list[str] = []
    normal = groups(*["normal"] * most)
    urgent = groups(*["urgent"] * 3, urgent=True)

    async def story() -> None:
        lanes = Lanes(most, lambda text, _then, _urgent: sent.append(text.body))
        lanes.add(normal)
        assert ["normal"] * (most - kept) == sent
        lanes.add(urgent)

    asyncio.run(story())
    assert ["urgent"] * kept == sent[most - kept :]


def test_a_lane_that_was_kept_takes_no_other_text_when_it_ends() -> None:
    sent: list[str] = []
    ends = []

    async def story() -> None:
        def send(text: Outgoing, then: Callable[[Answer], None], urgent: bool) -> None:
            assert urgent == (text.body == "urgent")
            sent.append(text.body)
            ends.append(then)

        lanes = Lanes(100, send)
        lanes.add(groups(*["normal"] * 100))
        lanes.add(groups("urgent", urgent=True))
        ends.pop()(TAKEN)
        assert (98, 1) == (sent.count("normal"), sent.count("urgent"))
        ends.pop()(TAKEN)
        assert sent.count("normal") == 99

    asyncio.run(story())


def test_the_end_comes_once_those_under_way_have_their_answers() -> None:
    texts = groups("1", "2")
    answer = []

    async def story() -> None:
        lanes = Lanes(2, lambda _text, then, _urgent: answer.append(then))
        lanes.add(texts)
        end = asyncio.ensure_future(lanes.end())
        answer[0](TAKEN)
        await asyncio.sleep(0)
        assert not end.done()
        answer[1](TAKEN)
        async with asyncio.timeout(10):
            await end

    asyncio.run(story())
    assert [TAKEN, TAKEN] == answers(texts)
