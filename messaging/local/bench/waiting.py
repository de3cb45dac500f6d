"""Answers that wait before they are written, all equally long: who came first is answered first."""

import asyncio
import math
import time
from collections import deque
from typing import Final

THEN_CLOSE: Final = b""
"""In place of an answer: the connection closes, once what was given before is written."""


class Waiting:
    """One queue and one timer for the answers of all connections. Use it in one loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """At first nothing waits."""
        self._loop = loop
        self._answers: deque[tuple[float, asyncio.Transport, bytes]] = deque()
        self.seconds = 0.0
        """How long the answers wait that are given from now on. Where that is less than before,
        the first of them wait for those that were given earlier."""

    def give(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Write an answer, no sooner than in so many seconds. Who has gone by then gets none."""
        if not self.seconds and not self._answers:
            _write(transport, answer)
            return
        self._answers.append((time.monotonic() + self.seconds, transport, answer))
        if len(self._answers) == 1:
            self._wait()

    def _wait(self) -> None:
        """Come back when the first one is due. uvloop rounds to milliseconds: never down here."""
        left = self._answers[0][0] - time.monotonic()
        self._loop.call_later(math.ceil(left * 1000) / 1000, self._write_due)

    def _write_due(self) -> None:
        now = time.monotonic()
        while self._answers and self._answers[0][0] <= now:
            _, transport, answer = self._answers.popleft()
            _write(transport, answer)
        if self._answers:
            self._wait()


def _write(transport: asyncio.Transport, answer: bytes) -> None:
    if transport.is_closing():
        return
    if answer:
        transport.write(answer)
    else:
        transport.close()
