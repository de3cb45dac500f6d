"""What is to be done when: an agenda, and the plan's own clock."""

import heapq
import time
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Agenda(Generic[T]):
    """Things, each with its time."""

    def __init__(self) -> None:
        """There is nothing on it."""
        self._heap: list[tuple[float, int, T]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, at: float, thing: T) -> None:
        """Put a thing on it; those of one time keep the order in which they were put."""
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, thing))

    def due(self, now: float) -> Iterator[T]:
        """Take what is due, in order."""
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]


class Clock:
    """Seconds since it was made, without those for which it was stopped."""

    def __init__(self) -> None:
        """It runs."""
        self._began = time.monotonic()
        self._stopped: float | None = None
        self.lost = 0.0
        """Seconds for which it was stopped."""

    @property
    def seconds(self) -> float:
        """Its time."""
        return (self._stopped or time.monotonic()) - self._began - self.lost

    def run(self, *, when: bool) -> None:
        """Let it run, or stop it."""
        if not when:
            self._stopped = self._stopped or time.monotonic()
        elif self._stopped is not None:
            self.lost += time.monotonic() - self._stopped
            self._stopped = None
