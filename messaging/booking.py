"""Booking: slots of the throttle for the lanes of one process, for all that want one at once."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from messaging.domain.job import Lane
from messaging.domain.pacing import Slot
from messaging.redis.throttle import AWAY, Booked

_TOGETHER = 100
"""The most texts of one call."""


@dataclass(frozen=True, slots=True)
class _Wish:
    units: int
    until: float
    slot: asyncio.Future[Slot | None]


@dataclass(slots=True)
class _Line:
    """Those who wait for a slot, in order, and when it is of use to ask again."""

    wishes: deque[_Wish] = field(default_factory=deque)
    ask_at: float = 0.0


class Booking:
    """One a process. A thread of its own asks Redis."""

    def __init__(
        self,
        slots: Callable[[Sequence[int], Lane], Booked],
        lost: Callable[[BaseException], None] = lambda _: None,
    ) -> None:
        """`slots` gives them and may raise redis.RedisError, of which `lost` is told."""
        self._slots = slots
        self._lost = lost
        self._lines = {Lane.URGENT: _Line(), Lane.NORMAL: _Line()}
        self._wanted = Event()
        self._closed = False
        self._lock = Lock()
        self._thread: Thread | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether its thread goes: it begins with the first wish, and anew where it has failed."""
        return self._thread is not None and self._thread.is_alive()

    async def slot(self, units: int, *, urgent: bool, until: float) -> Slot | None:
        """The next slot for a text of so many units; None where there is none that begins before
        `until`, a reading of the monotonic clock, or Redis is away. For any loop."""
        future: asyncio.Future[Slot | None] = asyncio.get_running_loop().create_future()
        line = self._lines[Lane.URGENT if urgent else Lane.NORMAL]
        line.wishes.append(_Wish(units, until, future))
        self._wanted.set()
        self._start()
        try:
            async with asyncio.timeout_at(until):
                slot = await future
        except TimeoutError:
            return None
        return slot if slot and slot.start < until else None

    def close(self) -> None:
        """Asks no more; who still waits gets no slot."""
        self._closed = True
        self._wanted.set()

    def _start(self) -> None:
        if self.is_at_work:
            return
        with self._lock:
            if not self.is_at_work:
                self._thread = Thread(target=self._run, name="booking", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closed:
            self._wanted.wait(self._rest())
            self._wanted.clear()
            for lane, line in self._lines.items():
                self._serve(lane, line)

    def _rest(self) -> float | None:
        """Seconds until it is of use to ask again; None where nobody waits."""
        waiting = [line.ask_at for line in self._lines.values() if line.wishes]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _serve(self, lane: Lane, line: _Line) -> None:
        while line.wishes and time.monotonic() >= line.ask_at:
            wishes = [line.wishes.popleft() for _ in range(min(len(line.wishes), _TOGETHER))]
            wishes = [wish for wish in wishes if not wish.slot.done()]
            if wishes:
                self._book(lane, line, wishes)

    def _book(self, lane: Lane, line: _Line, wishes: Sequence[_Wish]) -> None:
        try:
            booked = self._slots([wish.units for wish in wishes], lane)
        except AWAY as error:
            self._lost(error)
            _answer([(wish, None) for wish in wishes])
            return
        line.ask_at = time.monotonic() + booked.wait.total_seconds()
        given = list(zip(wishes, booked.slots, strict=False))
        rest = wishes[len(given) :]
        line.wishes.extendleft(wish for wish in reversed(rest) if wish.until > line.ask_at)
        late = [(wish, None) for wish in rest if wish.until <= line.ask_at]
        _answer([*given, *late])


def _answer(answers: Sequence[tuple[_Wish, Slot | None]]) -> None:
    """Wakes those who wait, all of one loop."""
    if not answers:
        return
    try:
        answers[0][0].slot.get_loop().call_soon_threadsafe(_give, answers)
    except RuntimeError:  # the loop has ended, and they with it
        return


def _give(answers: Sequence[tuple[_Wish, Slot | None]]) -> None:
    for wish, slot in answers:
        if not wish.slot.done():
            wish.slot.set_result(slot)
