"""The producer: hands the texts over while there is trouble, past every proxy."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, Self

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.local.chaos.side import Again
from messaging.local.chaos.texts import Handful

_AGAIN = 0.2
"""Seconds between two tries of a commit."""


class HandOver(Protocol):
    """Stores a handful, in one transaction, except those of its texts that are there already."""

    def __call__(self, conn: Connection[TupleRow], handful: Handful) -> None: ...


class Producer:
    """A thread that hands handfuls over, evenly over `seconds`, until `with` ends or all are there.

    A commit that failed, or whose outcome is not known, is tried again. Every text has a key
    that the database takes once, so that all are stored once, whatever becomes of a commit.
    """

    def __init__(
        self,
        *,
        handfuls: Sequence[Handful],
        seconds: float,
        connect: Callable[[], Connection[TupleRow]],
        hand_over: HandOver,
    ) -> None:
        """Nothing is handed over yet."""
        self._handfuls = handfuls
        self._pause = seconds / max(1, len(handfuls))
        self._connect = connect
        self._hand_over = hand_over
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="producer", daemon=True)
        self.handed_over = 0
        self.again = 0
        """Commits that were tried once more."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()

    @property
    def is_done(self) -> bool:
        """Whether it has nothing left to hand over, or cannot go on."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        began = time.monotonic()
        left = list(reversed(self._handfuls))
        while left and not self._closing.is_set():
            try:
                with self._connect() as conn:
                    self._hand_all_over(conn, left, began)
            except (psycopg.Error, Again):
                self.again += 1
                self._closing.wait(_AGAIN)

    def _hand_all_over(self, conn: Connection[TupleRow], left: list[Handful], began: float) -> None:
        """Hand over until nothing is left; what remains in `left` may be stored or not."""
        while left:
            number = len(self._handfuls) - len(left)
            if self._closing.wait(max(0.0, began + number * self._pause - time.monotonic())):
                return
            self._hand_over(conn, left[-1])
            self.handed_over += len(left.pop().texts)
