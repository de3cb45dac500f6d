"""Lanes: so many texts under way at once, and those that wait for one, urgent ones first."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace

from messaging.domain.answers import Answer, NotSent, Outgoing
from messaging.twilio import classify
from messaging.twilio.crowd import REST, Crowd
from messaging.twilio.groups import Groups
from messaging.twilio.stages import Progress


class Lanes:
    """A lane is a task that sends one text after the other, as long as any wait.

    A task for each text would cost a fifth of what sending it takes. Use it in one loop only,
    except for `claimable`.
    """

    def __init__(self, most: int, send: Callable[[Outgoing], Awaitable[Answer]]) -> None:
        """At most so many lanes; `send` has an answer for every text, and raises nothing."""
        self._crowd = Crowd(most)
        self._send = send
        self._urgent: deque[tuple[Groups, int]] = deque()
        self._normal: deque[tuple[Groups, int]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = 0
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = math.inf

    @property
    def claimable(self) -> int | None:
        """How many texts may be claimed; None while Twilio takes as many as it may be given. May be
        asked in any thread."""
        return self._crowd.claimable(self._open) if self._crowd.is_narrowed else None

    def add(self, groups: Groups) -> None:
        """Have these texts sent, each at its time; urgent ones go before all others that wait."""
        now, waiting, at_once = time.monotonic(), self._waiting_with(groups), 0
        for index, text in enumerate(groups.messages):
            if text.write_after > now:
                self._spawn(self._add_later(groups, index, text.write_after - now))
            else:
                waiting.append((groups, index))
                at_once += 1
        self._open_lanes(at_once)
        self._watch(min((text.write_before for text in groups.messages), default=math.inf))

    async def _add_later(self, groups: Groups, index: int, delay: float) -> None:
        await asyncio.sleep(delay)
        self._waiting_with(groups).append((groups, index))
        self._open_lanes(1)
        self._watch(groups.messages[index].write_before)

    def _waiting_with(self, groups: Groups) -> deque[tuple[Groups, int]]:
        return self._urgent if groups.urgent else self._normal

    def _open_lanes(self, texts: int) -> None:
        """One for each of so many texts that wait, as far as may be."""
        for _ in range(min(texts, self._crowd.allowed - self._open)):
            self._open += 1
            self._spawn(self._run())

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        while self._open <= self._crowd.allowed and (waiting := self._urgent or self._normal):
            groups, index = waiting.popleft()
            began = time.monotonic()
            answer = await self._send(groups.messages[index])
            groups.put(index, self._learn(answer, began))
            if self._crowd.is_to_rest:
                await asyncio.sleep(REST)
        # Here, and not once the task is over: a text that comes before that would find no lane.
        self._open -= 1

    def _learn(self, answer: Answer, began: float) -> Answer:
        """The answer; how crowded it is at Twilio is remembered."""
        if not (isinstance(answer, NotSent) and answer.crowded):
            if self._crowd.is_narrowed:
                self._crowd.passed(began=began, now=time.monotonic())
                self._open_lanes(min(1, len(self._urgent) + len(self._normal)))
            return answer
        alone = self._crowd.refused(under_way=self._open, began=began, now=time.monotonic())
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
                    late = Progress().too_late()
                    groups.put(index, classify.failure(late.stage, late.reason, text.late_wait))
                else:
                    waiting.append((groups, index))
                    earliest = min(earliest, text.write_before)
        self._watch(earliest)
