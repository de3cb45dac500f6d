"""Room: how much of what Twilio takes at once is still free, for whoever means to send."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock


class Room:
    """Texts that somebody will send, or is sending. It may be kept smaller, never larger."""

    def __init__(self, texts: int) -> None:
        self.texts = texts


class Rooms:
    """Room is taken before leave is asked for: what is claimed must find a lane soon, and a dozen
    threads that look at the same moment must not all see the same room. For any thread."""

    def __init__(self, claimable: Callable[[], int | None]) -> None:
        """It tells how many texts may be claimed at once, or None while Twilio takes all."""
        self._claimable = claimable
        self._lock = Lock()
        self._taken: dict[Room, None] = {}

    @contextmanager
    def taken(self, texts: int) -> Iterator[Room]:
        """Room for so many texts at most, perhaps for none; it is free again after the block."""
        with self._lock:
            most = self._claimable()
            if most is not None:
                texts = max(0, min(texts, most - sum(room.texts for room in self._taken)))
            room = Room(texts)
            self._taken[room] = None
        try:
            yield room
        finally:
            with self._lock:
                del self._taken[room]
