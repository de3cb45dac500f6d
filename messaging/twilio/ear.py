"""The ear: notices that no answer comes any more, long before a read timeout does."""

import asyncio
import math
import time
from collections.abc import Callable

from messaging.domain.answers import Accepted, Answer
from messaging.domain.silence import Latencies, Owed, Patience, Sound, heard, limit, silence
from messaging.twilio.stages import Progress

_EVERY = 0.1
"""Seconds between two looks at what is owed, while anything is."""
_PAUSE = 0.5
"""A look that comes later than that shows that this process stood still: answers may lie unread."""

Generations = tuple[int, int]
Tell = Callable[[Sound], None]


class Ear:
    """Use it in one loop only. A request costs two entries of a dictionary, and no timer."""

    def __init__(
        self, patience: Patience, tell: Tell, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`tell` is called in the loop: it must not wait for anything."""
        self._patience = patience
        self._tell = tell
        self._monotonic = monotonic
        self._owed: dict[Progress, Generations] = {}
        self._told: dict[Progress, Generations] = {}
        self._latencies = Latencies()
        self._quiet_since = -math.inf
        self._look_at: float | None = None

    def expect(self, progress: Progress, generations: Generations) -> None:
        """Twilio will owe this request an answer."""
        self._owed[progress] = generations
        if self._look_at is None:
            self._look_again(self._monotonic())

    def hear(self, progress: Progress, answer: Answer) -> None:
        """This came from Twilio."""
        now = self._quiet_since = self._monotonic()
        self._latencies.note(now - progress.owed_since)
        if self._told and progress in self._told and isinstance(answer, Accepted):
            generations = self._told[progress]
            self._told.clear()
            self._tell(heard(generations))

    def forget(self, progress: Progress) -> None:
        """The request is over, whatever came of it."""
        self._owed.pop(progress, None)
        self._told.pop(progress, None)

    def look(self) -> None:
        """Looks once at what is owed, and tells where there is silence. Each request has one part
        in that: with those that come after there must be as many again."""
        now = self._monotonic()
        if self._look_at is not None and now > self._look_at + _PAUSE:
            self._quiet_since = now
        seconds = limit(self._patience, self._latencies.usual)
        if now - self._quiet_since >= seconds:
            self._look_at_owed(seconds, now)
        self._look_at = None
        if self._owed:
            self._look_again(now)

    def _look_at_owed(self, seconds: float, now: float) -> None:
        owed = (Owed(since=one.owed_since, generations=of) for one, of in self._owed.items())
        sound = silence(self._patience, seconds, owed, now)
        if sound:
            self._told |= self._owed
            self._owed.clear()
            self._tell(sound)

    def _look_again(self, now: float) -> None:
        self._look_at = now + _EVERY
        asyncio.get_running_loop().call_later(_EVERY, self.look)
