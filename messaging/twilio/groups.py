"""Answers on their way from the loop's thread to the thread that settles them."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue

from messaging.domain.answers import Answer, InDoubt, Outgoing

Answered = tuple[Outgoing, Answer]

_COMPANY = 0.01
"""Seconds that an answer waits for others of its texts: each group costs its reader a commit."""
_LOOK_AROUND = 1.0
"""Seconds after which a waiting reader makes sure that the loop's thread still lives."""


class Groups:
    """Iterate to get every message once, with its answer, in groups of whatever is ready.

    The loop puts; one other thread iterates. Once the loop is not `alive` any more, the
    messages without an answer are in doubt: nobody knows how far they came.
    """

    def __init__(self, messages: Sequence[Outgoing], *, urgent: bool = False) -> None:
        self.messages = tuple(messages)
        self.urgent = urgent
        self._waiting = dict(enumerate(self.messages))
        self._unanswered = len(self.messages)
        self._arrivals: SimpleQueue[list[tuple[int, Answer]]] = SimpleQueue()
        self._ready: list[tuple[int, Answer]] = []

    def put(self, index: int, answer: Answer) -> None:
        """Answer the message at `index`; called in the loop.

        Answers that come within some milliseconds go over together: the reader wakes up once.
        The last one goes at once, with those that it finds.
        """
        loop = asyncio.get_running_loop()
        self._unanswered -= 1
        if not self._unanswered:
            loop.call_soon(self._hand_over)
        elif not self._ready:
            loop.call_later(_COMPANY, self._hand_over)
        self._ready.append((index, answer))

    def put_all(self, answer: Answer) -> None:
        """Give every message the same answer; called instead of handing them to the loop."""
        self._arrivals.put([(index, answer) for index in self._waiting])

    def read(self, alive: Callable[[], bool]) -> Iterator[Sequence[Answered]]:
        """The groups, until every message has had its answer."""
        while self._waiting:
            arrived = self._next(alive)
            group = [
                (self._waiting.pop(index), answer)
                for index, answer in arrived
                if index in self._waiting
            ]
            if group:
                yield group

    def _hand_over(self) -> None:
        if self._ready:
            self._arrivals.put(self._ready)
            self._ready = []

    def _next(self, alive: Callable[[], bool]) -> list[tuple[int, Answer]]:
        """All that has arrived, waiting for the first of it."""
        arrived: list[tuple[int, Answer]] = []
        while not arrived:
            was_alive = alive()
            try:
                arrived += self._arrivals.get(timeout=_LOOK_AROUND)
            except Empty:
                if not was_alive:
                    lost = InDoubt(reason="The thread that sends has ended without an answer.")
                    return [(index, lost) for index in self._waiting]
        while not self._arrivals.empty():
            arrived += self._arrivals.get()
        return arrived
