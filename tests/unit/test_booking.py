"""Booking: who has a lane gets the next slot, and nobody waits longer than a text may."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event
from typing import TypeVar

import pytest
import redis

from messaging.booking import Booking
from messaging.domain.job import Lane
from messaging.domain.pacing import Slot
from messaging.local.process import wait_until
from messaging.redis.throttle import Booked

T = TypeVar("T")
Answer = Callable[[Sequence[int], Lane], Booked]
SOON = timedelta(milliseconds=20)


def slot(number: int = 0) -> Slot:
    return Slot(start=float(number), end=float(number) + 0.5)


def all_at_once(units: Sequence[int], _: Lane) -> Booked:
    return Booked(slots=tuple(slot(count) for count in units))


@dataclass
class Throttle:
    """It answers as the test says, and remembers what it was asked."""

    answer: Answer = all_at_once
    asked: list[tuple[Lane, list[int]]] = field(default_factory=list)

    def slots(self, units: Sequence[int], lane: Lane) -> Booked:
        self.asked.append((lane, list(units)))
        return self.answer(units, lane)


def book(booking: Booking, story: Callable[[], Coroutine[object, object, T]]) -> T:
    try:
        return asyncio.run(story())
    finally:
        booking.close()


async def slots_of(booking: Booking, *units: int, urgent: bool = False) -> list[Slot | None]:
    until = time.monotonic() + 20
    return await asyncio.gather(
        *(booking.slot(count, urgent=urgent, until=until) for count in units)
    )


@dataclass
class Busy(Throttle):
    """One that answers nobody until it may."""

    may: Event = field(default_factory=Event)

    def slots(self, units: Sequence[int], lane: Lane) -> Booked:
        found = super().slots(units, lane)
        self.may.wait(10)
        return found

    async def meet(self, booking: Booking, *units: int) -> list[Slot | None]:
        """What these get that come while it is busy with another one."""
        first = asyncio.ensure_future(slots_of(booking, 0))
        while not self.asked:
            await asyncio.sleep(0)
        others = asyncio.ensure_future(slots_of(booking, *units))
        for _ in range(3):
            await asyncio.sleep(0)
        self.may.set()
        await first
        return await others


def test_those_that_want_a_slot_at_once_are_asked_for_together_in_their_order() -> None:
    throttle = Busy()
    booking = Booking(throttle.slots)
    found = book(booking, lambda: throttle.meet(booking, 2, 3, 1))
    assert [slot(2), slot(3), slot(1)] == found
    assert [(Lane.NORMAL, [0]), (Lane.NORMAL, [2, 3, 1])] == throttle.asked


def test_who_got_no_slot_asks_again_first_and_not_too_soon() -> None:
    times: list[float] = []

    def one_each(units: Sequence[int], _: Lane) -> Booked:
        times.append(time.monotonic())
        return Booked(slots=(slot(units[0]),), wait=SOON)

    throttle = Busy(one_each)
    booking = Booking(throttle.slots)
    found = book(booking, lambda: throttle.meet(booking, 1, 2, 3))
    assert [slot(1), slot(2), slot(3)] == found
    assert [[0], [1, 2, 3], [2, 3], [3]] == [units for _, units in throttle.asked]
    assert times[-1] - times[0] >= 3 * SOON.total_seconds()


def test_urgent_ones_do_not_wait_with_the_others() -> None:
    def only_urgent(units: Sequence[int], lane: Lane) -> Booked:
        if lane is Lane.URGENT or len(throttle.asked) > 2:
            return all_at_once(units, lane)
        return Booked(slots=(), wait=SOON)

    throttle = Throttle(only_urgent)
    booking = Booking(throttle.slots)
    got: list[str] = []

    async def one(name: str, *, urgent: bool) -> None:
        await slots_of(booking, 1, urgent=urgent)
        got.append(name)

    async def story() -> None:
        normal = asyncio.ensure_future(one("normal", urgent=False))
        while not throttle.asked:
            await asyncio.sleep(0)
        await one("urgent", urgent=True)
        await normal

    book(booking, story)
    assert ["urgent", "normal"] == got


def test_without_redis_there_are_no_slots_and_it_is_told() -> None:
    lost: list[BaseException] = []

    def away(units: Sequence[int], lane: Lane) -> Booked:
        if len(throttle.asked) == 1:
            raise redis.ConnectionError("away")
        return all_at_once(units, lane)

    throttle = Throttle(away)
    booking = Booking(throttle.slots, lost.append)

    async def story() -> list[Slot | None]:
        return await slots_of(booking, 1) + await slots_of(booking, 1)

    assert [None, slot(1)] == book(booking, story)
    assert ["away"] == [str(error) for error in lost]


@pytest.mark.parametrize(
    "answer",
    [
        lambda *_: Booked(slots=(), wait=timedelta(minutes=1)),
        lambda *_: Booked(slots=(Slot(start=time.monotonic() + 60, end=math.inf),)),
    ],
    ids=["it is to ask again after that", "it begins after that"],
)
def test_a_slot_that_comes_too_late_is_none_and_that_is_said_at_once(answer: Answer) -> None:
    booking = Booking(answer)
    began = time.monotonic()
    assert [None] == book(booking, lambda: slots_of(booking, 1))
    assert time.monotonic() - began < 5


def test_nobody_waits_for_a_throttle_that_does_not_answer() -> None:
    forgotten = Event()

    def silent(units: Sequence[int], lane: Lane) -> Booked:
        forgotten.wait(10)
        return all_at_once(units, lane)

    booking = Booking(silent)

    async def story() -> Slot | None:
        return await booking.slot(1, urgent=False, until=time.monotonic() + 0.05)

    assert None is book(booking, story)
    forgotten.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_failed_is_followed_by_another() -> None:
    def broken(units: Sequence[int], lane: Lane) -> Booked:
        if len(throttle.asked) == 1:
            raise RuntimeError("a mistake of ours")
        return all_at_once(units, lane)

    throttle = Throttle(broken)
    booking = Booking(throttle.slots)

    async def story() -> list[Slot | None]:
        lost = await booking.slot(1, urgent=False, until=time.monotonic() + 0.05)
        assert wait_until(lambda: not booking.is_at_work, limit=5)
        return [lost, *await slots_of(booking, 2)]

    assert [None, slot(2)] == book(booking, story)
