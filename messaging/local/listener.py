"""A listening socket whose connections are taken as many as wait, in each turn of the loop.

libuv, and so uvloop, takes one connection a turn: under full load a turn is long, and of 2,000
clients that come at once the last waits for two thousand of them.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

BACKLOG: Final = 4096
"""Connections that may wait to be taken; the kernel has a limit of its own, often 4096 as well."""
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE: Final = 0.2
"""Seconds until the next try where the process has no descriptor left."""


class Listener:
    """Takes connections from a bound socket, which it closes in the end."""

    def __init__(
        self,
        plug: socket.socket,
        take: Callable[[socket.socket], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Listens at once; `take` gets connections, in the loop. Raises OSError if it can't."""
        self._plug = plug
        self._take = take
        self._loop = loop
        plug.setblocking(False)
        plug.listen(BACKLOG)
        self._watch()

    def close(self) -> None:
        """Stop listening. Who waits to be taken is reset by the kernel."""
        if self._plug.fileno() >= 0:
            self._loop.remove_reader(self._plug)
        self._plug.close()

    def take_all(self) -> None:
        """Take everybody who waits now."""
        try:
            for _ in range(BACKLOG):
                connection, _ = self._plug.accept()
                connection.setblocking(False)
                self._take(connection)
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self._pause()

    def _watch(self) -> None:
        if self._plug.fileno() >= 0:
            self._loop.add_reader(self._plug, self.take_all)

    def _pause(self) -> None:
        """A socket that stays readable would keep the loop busy."""
        self._loop.remove_reader(self._plug)
        self._loop.call_later(_PAUSE, self._watch)
