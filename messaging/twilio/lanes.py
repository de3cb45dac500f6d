"""Lanes: so many texts under way at once, and those that wait for one, urgent ones first."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from messaging.domain.answers import LATE_WAIT, MISSED_WAIT, Answer, NotSent, Outgoing
from messaging.domain.pacing import Slot
from messaging.twilio import classify
from messaging.twilio.crowd import REST, Crowd
from messaging.twilio.groups import Groups
from messaging.twilio.stages import Progress


class Book(Protocol):
    """Gets a slot for a text that has a lane."""

    async def __call__(self, units: int, *, urgent: bool, until: float) -> Slot | None:
        """The next one for so many units; None where none begins before `until`."""


Send = Callable[[Outgoing, Callable[[Answer], None], bool], None]

_KEPT = 50
"""One lane of so many takes urgent texts only."""


class Lanes:
    """A lane sends one text after the other, as long as any wait.

    It is no task: what follows an answer is done right after it has come. Where there is a limit, a
    text gets its slot once it has a lane: slots that come before pass unused where Twilio takes
    fewer requests at once than the limit would allow. Use it in one loop only, except for
    `claimable`.
    """

    def __init__(
        self,
        most: int,
        send: Send,
        book: Book | None = None,
    ) -> None:
        """At most so many lanes, of which a few take urgent texts only: at the begin of a burst,
        all others end only as its first answers come. `send` gets a text, what gets its one answer
        after it has returned, and whether it is urgent; it raises nothing. Without `book` there is
        no limit."""
        self._crowd = Crowd(most)
        self._send = send
        self._book = book
        self._urgent: deque[tuple[Groups, int]] = deque()
        self._normal: deque[tuple[Groups, int]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None] | None = None
        self._open = self._under_way = 0
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = math.inf

    @property
    def claimable(self) -> int | None:
        """How many texts may be claimed; None while Twilio takes as many as it may be given. May be
        asked in any thread."""
        return self._crowd.claimable(self._under_way) if self._crowd.is_narrowed else None

    def add(self, groups: Groups) -> None:
        """Have these texts sent; urgent ones go before all others that wait."""
        waiting = self._waiting_with(groups)
        waiting.extend((groups, index) for index in range(len(groups.messages)))
        self._open_lanes(len(groups.messages))
        self._watch(min((text.write_before for text in groups.messages), default=math.inf))

    async def end(self) -> None:
        """Wait until no text waits and none is under way."""
        while self._open:
            self._ended = asyncio.get_running_loop().create_future()
            await self._ended

    def _waiting_with(self, groups: Groups) -> deque[tuple[Groups, int]]:
        return self._urgent if groups.urgent else self._normal

    def _open_lanes(self, texts: int) -> None:
        """One for each of so many texts that wait, as far as may be."""
        for _ in range(texts):
            if self._open >= self._most:
                return
            self._open += 1
            self._go_on()

    @property
    def _most(self) -> int:
        """How many lanes there may be, for the text that is next to have one."""
        allowed = self._crowd.allowed
        return allowed if self._urgent else allowed - allowed // _KEPT

    def _go_on(self) -> None:
        """A lane takes the next text that waits, or ends."""
        waiting = self._urgent or self._normal
        if not waiting or self._open > self._most:
            self._close_lane()
            return
        groups, index = waiting.popleft()
        if self._book is None:
            self._begin(groups, index, groups.messages[index])
        else:
            task = asyncio.ensure_future(self._begin_in_slot(self._book, groups, index))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _close_lane(self) -> None:
        self._open -= 1
        if not self._open and self._ended and not self._ended.done():
            self._ended.set_result(None)

    def _begin(self, groups: Groups, index: int, text: Outgoing) -> None:
        self._under_way += 1
        began, under_way = time.monotonic(), self._under_way
        then = partial(self._go_on_after, groups, index, began, under_way)
        self._send(text, then, groups.urgent)

    def _go_on_after(
        self, groups: Groups, index: int, began: float, under_way: int, answer: Answer
    ) -> None:
        groups.put(index, self._learn(answer, began, under_way))
        self._under_way -= 1
        if self._crowd.is_to_rest:
            asyncio.get_running_loop().call_later(REST, self._go_on)
        else:
            self._go_on()

    async def _begin_in_slot(self, book: Book, groups: Groups, index: int) -> None:
        text = await self._in_slot(book, groups, index)
        if text is None:
            self._go_on()
        else:
            self._begin(groups, index, text)

    async def _in_slot(self, book: Book, groups: Groups, index: int) -> Outgoing | None:
        """The text, once its slot begins; None where it is answered, or waits for a lane again."""
        text = groups.messages[index]
        while slot := await book(text.units, urgent=groups.urgent, until=text.write_before):
            await asyncio.sleep(slot.start - time.monotonic())
            if self._is_too_many():
                self._waiting_with(groups).appendleft((groups, index))
                self._watch(text.write_before)
                return None
            if time.monotonic() < slot.end:
                write_before = min(text.write_before, slot.end)
                return replace(text, write_before=write_before, in_slot=True)
        self._put_late(groups, index)
        return None

    def _is_too_many(self) -> bool:
        """Whether a lane whose slot has come is to end, and others are open: fewer are allowed than
        when it was opened, or the only request that there was has been refused."""
        if self._open <= self._crowd.allowed:
            return False
        return self._under_way >= self._crowd.allowed or self._crowd.is_to_rest

    def _learn(self, answer: Answer, began: float, under_way: int) -> Answer:
        """The answer; how crowded it is at Twilio is remembered."""
        if not (isinstance(answer, NotSent) and answer.crowded):
            if self._crowd.is_narrowed:
                self._crowd.passed(began=began, now=time.monotonic())
                self._open_lanes(min(1, len(self._urgent) + len(self._normal)))
            return answer
        # Then or now: among others that are refused as well, it met more than are left at last.
        most = max(under_way, self._under_way)
        alone = self._crowd.refused(under_way=most, began=began, now=time.monotonic())
        return replace(answer, pauses=alone)

    def _watch(self, earliest: float) -> None:
        """Look after those that wait at this time, a reading of the monotonic clock."""
        if earliest < self._look_at:
            if self._timer is not None:
                self._timer.cancel()
            self._look_at = earliest
            delay = max(0.0, earliest - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        """Answer those whose time to be written has passed while they waited for a lane."""
        now, self._look_at = time.monotonic(), math.inf
        earliest = math.inf
        for waiting in (self._urgent, self._normal):
            for _ in range(len(waiting)):
                groups, index = waiting.popleft()
                text = groups.messages[index]
                if text.write_before <= now:
                    self._put_late(groups, index)
                else:
                    waiting.append((groups, index))
                    earliest = min(earliest, text.write_before)
        self._watch(earliest)

    def _put_late(self, groups: Groups, index: int) -> None:
        """Answers a text that waited for a lane, or a slot, for too long."""
        late = Progress().too_late()
        wait = MISSED_WAIT if self._book else LATE_WAIT
        groups.put(index, classify.failure(late.stage, late.reason, wait))
