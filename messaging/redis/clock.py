"""Redis's clock, as it is read on this process's own: slots are told in Redis's time."""

from collections import deque
from threading import Lock

_CALLS = 32
"""Round trips that are looked back on: the quickest of them tells best how the clocks differ."""


class Clock:
    """How far this process's monotonic clock is ahead of Redis's, in seconds. For any thread."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._lock = Lock()
        self._ways: deque[float] = deque(maxlen=_CALLS)

    def ahead(self, *, sent: float, told: float, received: float) -> float:
        """After a call that was `sent` and `received` then, and in which Redis `told` its time.

        It is never less than it truly is, so that no text begins before its slot. A clock of
        Redis's that is put back is noticed at once: nothing is told before it is asked for.
        """
        with self._lock:
            self._ways.append(received - told)
            return max(min(self._ways), sent - told)
