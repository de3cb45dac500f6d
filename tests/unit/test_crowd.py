"""The crowd: Twilio's 429 narrows what is under way at once, and answers widen it again."""

import asyncio
import math
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from messaging.domain.answers import Accepted, Answer, NotSent, Outgoing
from messaging.domain.job import JobId, Phone, Sid
from messaging.twilio.crowd import Crowd
from messaging.twilio.groups import Groups
from messaging.twilio.lanes import Lanes

CROWDED = NotSent(
    reason="too many", retry_after=timedelta(seconds=1), costs_retry=False, crowded=True
)
TAKEN = Accepted(sid=Sid("SM" + "0" * 32), status="queued")


def text(write_after: float = 0.0) -> Outgoing:
    return Outgoing(
        job_id=JobId(uuid4()),
        attempt=1,
        to=Phone("+15551230000"),
        body="",
        write_before=math.inf,
        write_after=write_after,
    )


def test_a_refusal_takes_a_part_away_and_those_that_began_before_it_nothing_more() -> None:
    crowd = Crowd(100)
    crowd.refused(under_way=40, began=1.0, now=2.0)
    assert (28, True) == (crowd.allowed, crowd.is_narrowed)
    crowd.refused(under_way=28, began=1.5, now=2.1)
    assert 28 == crowd.allowed
    crowd.refused(under_way=28, began=2.0, now=3.0)
    assert 19 == crowd.allowed


def test_a_round_of_answers_allows_one_more_until_all_are_allowed() -> None:
    crowd = Crowd(12)
    crowd.refused(under_way=12, began=1.0, now=2.0)
    assert 8 == crowd.allowed
    for _ in range(9):
        crowd.passed()
    assert 9 == crowd.allowed
    for _ in range(50):
        crowd.passed()
    assert (12, False) == (crowd.allowed, crowd.is_narrowed)


def test_only_who_is_refused_one_by_one_is_to_stop() -> None:
    crowd = Crowd(10)
    assert [False, False, True] == [
        crowd.refused(under_way=under_way, began=at, now=at)
        for at, under_way in ((1.0, 10), (2.0, 2), (3.0, 1))
    ]
    assert 1 == crowd.allowed


@dataclass
class Twilio:
    """It takes so many requests at once, and answers when it is told to."""

    most: int
    lanes: Lanes = field(init=False)
    under_way: int = 0
    refused: int = 0
    busiest: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lanes = Lanes(50, self.send)

    async def send(self, text: Outgoing) -> Answer:
        self.under_way += 1
        self.busiest.append(self.under_way)
        try:
            if self.under_way > self.most:
                self.refused += 1
                return CROWDED
            for _ in range(3):
                await asyncio.sleep(0)
            return TAKEN
        finally:
            self.under_way -= 1


def test_lanes_find_out_how_many_twilio_takes() -> None:
    twilio = Twilio(10)
    assert None is twilio.lanes.room

    async def story() -> None:
        twilio.lanes.add(Groups([text() for _ in range(2000)]))
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    asyncio.run(story())
    assert twilio.lanes.room is None or twilio.lanes.room > 0
    assert 11 == max(twilio.busiest), "those that are refused answer at once"
    assert 2000 == len(twilio.busiest)
    assert twilio.refused < 200


def test_a_text_is_not_sent_before_its_slot_nor_long_after() -> None:
    sent: list[tuple[str, float]] = []

    async def story() -> None:
        async def send(text: Outgoing) -> Answer:
            sent.append((text.body, asyncio.get_running_loop().time()))
            return TAKEN

        now = asyncio.get_running_loop().time()
        lanes = Lanes(5, send)
        lanes.add(Groups([text(now + 0.05)]))
        lanes.add(Groups([text()]))
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        assert sent[0][1] < now + 0.05 <= sent[1][1]

    asyncio.run(story())
    assert 2 == len(sent)
