"""The crowd: Twilio's 429 narrows what is under way at once, and answers widen it again."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from messaging.domain.answers import Accepted, Answer, NotSent, Outgoing
from messaging.domain.job import JobId, Phone, Sid
from messaging.twilio.crowd import Crowd
from messaging.twilio.groups import Groups
from messaging.twilio.lanes import Lanes
from messaging.twilio.room import Rooms
from tests.sending import told

CROWDED = NotSent(
    reason="too many", retry_after=timedelta(seconds=1), costs_retry=False, crowded=True
)
TAKEN = Accepted(sid=Sid("SM" + "0" * 32), status="queued")


def text() -> Outgoing:
    return Outgoing(
        job_id=JobId(uuid4()),
        attempt=1,
        to=Phone("+15551230000"),
        body="",
        write_before=math.inf,
    )


def test_a_refusal_shows_that_no_more_than_the_others_fit() -> None:
    crowd = Crowd(100)
    crowd.refused(under_way=40, began=1.0, now=2.0)
    assert (35, True) == (crowd.allowed, crowd.is_narrowed), "39, and the round takes a part away"
    for under_way in range(39, 12, -1):
        crowd.refused(under_way=under_way, began=1.0, now=2.0)
    assert 12 == crowd.allowed, "the others are still under way: it is no less than that"


def test_a_part_is_taken_away_once_a_round() -> None:
    crowd = Crowd(100)
    for _ in range(99):
        crowd.passed(began=0.0, now=1.0)  # a round takes a second
    crowd.refused(under_way=11, began=1.0, now=2.0)
    assert 9 == crowd.allowed
    crowd.refused(under_way=10, began=1.5, now=3.5)  # begun before that showed
    crowd.refused(under_way=10, began=2.1, now=2.5)  # and so were those that it met
    assert 9 == crowd.allowed
    crowd.refused(under_way=10, began=2.5, now=3.5)
    assert 8 == crowd.allowed


def answered(crowd: Crowd, rounds: int) -> int:
    """How many are allowed after so many rounds of answers."""
    for _ in range(rounds):
        for _ in range(crowd.allowed):
            crowd.passed(began=2.0, now=2.2)
    return crowd.allowed


def test_a_round_of_answers_allows_one_more_until_all_are_allowed() -> None:
    crowd = Crowd(22)
    for under_way in (21, 11):
        crowd.refused(under_way=under_way, began=1.0, now=2.0)
    assert 10 == crowd.allowed
    assert [10, 11, 12, 14] == [answered(crowd, rounds) for rounds in (6, 1, 1, 2)]
    assert (22, False) == (answered(crowd, 9), crowd.is_narrowed)


def test_what_was_refused_last_is_tried_again_after_some_rounds() -> None:
    crowd = Crowd(100)
    crowd.refused(under_way=41, began=1.0, now=2.0)
    assert [36, 39, 40, 40, 41, 43] == [answered(crowd, rounds) for rounds in (0, 4, 1, 5, 1, 2)]


def test_a_refusal_of_long_ago_is_soon_made_good() -> None:
    crowd = Crowd(800)
    crowd.refused(under_way=1, began=1.0, now=2.0)
    crowd.passed(began=31.0, now=32.0)
    assert 1 == crowd.allowed
    for _ in range(50):
        crowd.passed(began=32.0, now=32.5)
    assert 51 == crowd.allowed


def test_only_who_is_refused_one_by_one_for_a_while_is_to_stop() -> None:
    crowd = Crowd(10)
    alone = [crowd.refused(under_way=1, began=float(at), now=float(at)) for at in range(1, 5)]
    assert [False, False, False, True] == alone
    assert (1, False) == (crowd.allowed, crowd.is_to_rest)
    crowd.refused(under_way=1, began=5.0, now=5.0)
    assert crowd.is_to_rest
    crowd.passed(began=5.0, now=5.1)
    assert not crowd.is_to_rest
    assert not any(crowd.refused(under_way=1, began=float(at), now=float(at)) for at in (6, 7, 8))
    assert not crowd.refused(under_way=2, began=9.0, now=9.0), "another one was under way"


@dataclass
class Twilio:
    """It takes so many requests at once, and answers when it is told to."""

    most: int
    lanes: Lanes = field(init=False)
    under_way: int = 0
    refused: int = 0
    busiest: list[int] = field(default_factory=list)
    tasks: list[asyncio.Future[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lanes = Lanes(50, self.send)

    def send(self, _: Outgoing, then: Callable[[Answer], None], _urgent: bool) -> None:
        self.busiest.append(self.under_way + 1)
        answer = TAKEN if self.under_way < self.most else CROWDED
        self.under_way += answer is TAKEN
        self.tasks.append(asyncio.ensure_future(self.answer(then, answer)))

    async def answer(self, then: Callable[[Answer], None], answer: Answer) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        self.under_way -= answer is TAKEN
        self.refused += answer is CROWDED
        then(answer)


def test_lanes_find_out_how_many_twilio_takes() -> None:
    twilio = Twilio(10)
    assert None is twilio.lanes.claimable

    async def story() -> None:
        twilio.lanes.add(Groups([text() for _ in range(2000)]))
        await twilio.lanes.end()

    asyncio.run(story())
    assert twilio.lanes.claimable
    assert 11 == max(twilio.busiest), "those that were refused are not under way"
    assert 2000 == len(twilio.busiest)
    assert twilio.refused < 200


def test_refusals_that_are_seen_late_do_not_narrow_to_nothing() -> None:
    """The process stood still: the answers to those that were taken come first."""

    async def story() -> int | None:
        answered = [asyncio.Event(), asyncio.Event()]
        begun = 0

        async def send(_: Outgoing) -> Answer:
            nonlocal begun
            begun += 1
            is_taken = begun <= 10
            await answered[0 if is_taken else 1].wait()
            return TAKEN if is_taken else CROWDED

        lanes = Lanes(100, told(send))
        lanes.add(Groups([text() for _ in range(40)]))
        await asyncio.sleep(0)
        answered[0].set()
        await asyncio.sleep(0)
        answered[1].set()
        await lanes.end()
        return lanes.claimable

    assert (asyncio.run(story()) or 0) > 8


def test_room_is_taken_once_and_is_free_again_after_the_answers() -> None:
    most: list[int | None] = [None]
    rooms = Rooms(lambda: most[0])
    with rooms.taken(100) as first:
        most[0] = 120
        assert 100 == first.texts
        with rooms.taken(100) as second, rooms.taken(5) as third:
            assert (20, 0) == (second.texts, third.texts)
            first.texts -= 60
            with rooms.taken(100) as fourth:
                assert 60 == fourth.texts
            most[0] = 10
            with rooms.taken(1) as fifth:
                assert 0 == fifth.texts
    with rooms.taken(100) as last:
        assert 10 == last.texts


def test_while_some_are_under_way_others_get_ready() -> None:
    crowd = Crowd(100)
    crowd.refused(under_way=11, began=1.0, now=2.0)
    assert 9 == crowd.allowed
    assert [9, 13, 18] == [crowd.claimable(under_way) for under_way in (0, 4, 9)]
