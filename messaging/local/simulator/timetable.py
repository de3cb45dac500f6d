"""When messages go out: scheduled ones by their time, the rest by how fast a sender may send."""

import asyncio
import heapq

from messaging.local.simulator.message import Message


class Timetable:
    """Scheduled messages in the order of their times, and the queue of each sender."""

    def __init__(self) -> None:
        self._scheduled: list[tuple[float, int, Message]] = []
        self._free_at: dict[str, float] = {}
        self.alarm: asyncio.TimerHandle | None = None
        """Goes off when the next scheduled message is due."""

    def schedule(self, message: Message) -> bool:
        """Keep a message until its `send_at`; True if it is now the next one."""
        heapq.heappush(self._scheduled, (message.send_at or 0.0, message.number, message))
        return self._scheduled[0][2] is message

    def next_at(self) -> float | None:
        """When the next scheduled message is due, or None."""
        return self._scheduled[0][0] if self._scheduled else None

    def due(self, now: float) -> list[Message]:
        """Take out every scheduled message that is due."""
        found = []
        while self._scheduled and self._scheduled[0][0] <= now:
            found.append(heapq.heappop(self._scheduled)[2])
        return found

    def queue(self, sender: str, now: float) -> float:
        """How many seconds a text of this sender would wait now."""
        return max(0.0, self._free_at.get(sender, 0.0) - now)

    def take(self, sender: str, now: float, *, seconds: float) -> float:
        """Join a sender's queue and keep it busy for this long; returns the seconds to wait."""
        wait = self.queue(sender, now)
        self._free_at[sender] = now + wait + seconds
        return wait

    def clear(self) -> None:
        """Forget all of it."""
        self._scheduled.clear()
        self._free_at.clear()
        if self.alarm:
            self.alarm.cancel()
