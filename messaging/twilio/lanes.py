"""Lanes: so many texts under way at once, and those that wait for one, urgent ones first."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable

from messaging.domain.answers import Answer, Outgoing
from messaging.twilio import classify
from messaging.twilio.groups import Groups
from messaging.twilio.stages import Progress


class Lanes:
    """A lane is a task that sends one text after the other, as long as any wait.

    A task for each text would cost a fifth of what sending it takes. Use it in one loop only.
    """

    def __init__(self, most: int, send: Callable[[Outgoing], Awaitable[Answer]]) -> None:
        """At most so many lanes; `send` has an answer for every text, and raises nothing."""
        self._most = most
        self._send = send
        self._urgent: deque[tuple[Groups, int]] = deque()
        self._normal: deque[tuple[Groups, int]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = 0
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = math.inf

    def add(self, groups: Groups) -> None:
        """Have these texts sent; urgent ones go before all others that wait."""
        waiting = self._urgent if groups.urgent else self._normal
        waiting.extend((groups, index) for index in range(len(groups.messages)))
        for _ in range(min(len(groups.messages), self._most - self._open)):
            self._open += 1
            lane = asyncio.ensure_future(self._run())
            self._tasks.add(lane)
            lane.add_done_callback(self._tasks.discard)
        self._watch(min((text.write_before for text in groups.messages), default=math.inf))

    async def _run(self) -> None:
        while waiting := self._urgent or self._normal:
            groups, index = waiting.popleft()
            groups.put(index, await self._send(groups.messages[index]))
        # Here, and not once the task is over: a text that comes before that would find no lane.
        self._open -= 1

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
                until = groups.messages[index].write_before
                if until <= now:
                    late = Progress().too_late()
                    groups.put(index, classify.failure(late.stage, late.reason))
                else:
                    waiting.append((groups, index))
                    earliest = min(earliest, until)
        self._watch(earliest)
