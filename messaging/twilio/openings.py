"""Openings: a thousand connections that are wanted at once are opened a few at a time."""

import asyncio
from collections import deque
from collections.abc import Callable

from messaging.twilio.connection import Connection

_AT_ONCE = 16
"""Connections that are begun in one turn of the loop. Each takes some tenths of a millisecond of
processor time, with TLS one or two: opened all at once, they would hold up everything else."""

GoOn = Callable[[Connection | None], None]


class Openings:
    """Those that found no connection wait here, for a turn of the loop or some: each goes on with
    one that has become free, or opens its own. Urgent ones go first. Use it in one loop only."""

    def __init__(self, take: Callable[[], Connection | None]) -> None:
        """`take` gives a connection that is free, or None where there is none."""
        self._take = take
        self._urgent: deque[GoOn] = deque()
        self._normal: deque[GoOn] = deque()
        self._is_serving = False

    def wait(self, go_on: GoOn, *, urgent: bool) -> None:
        """Have `go_on` called, after this has returned: with a connection, or with None where it is
        to open one. It raises nothing."""
        (self._urgent if urgent else self._normal).append(go_on)
        if not self._is_serving:
            self._is_serving = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        begun = 0
        while waiting := self._urgent or self._normal:
            connection = self._take()
            if connection is None:
                if begun == _AT_ONCE:
                    asyncio.get_running_loop().call_soon(self._serve)
                    return
                begun += 1
            waiting.popleft()(connection)
        self._is_serving = False
