"""An asyncio loop in a daemon thread of its own, for callers that live in other threads."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import TypeVar

T = TypeVar("T")
A = TypeVar("A")


class LoopThread:
    """Starts at once. It belongs to the process that made it: threads do not survive a fork.

    It is asyncio's own loop. uvloop (0.23) is a little faster here, but when a connection is reset
    while it is being opened, it now and then closes a file that is somebody else's.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether what is handed over will still run."""
        return self._process == os.getpid() and self._thread.is_alive()

    def call(self, function: Callable[[A], object], argument: A) -> None:
        """Run a function in the loop soon. Raises RuntimeError if the loop has been stopped."""
        self._loop.call_soon_threadsafe(function, argument)

    def wait_for(self, coroutine: Coroutine[object, object, T]) -> T:
        """The result of a coroutine that runs in the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        """End the loop once; what still runs in it is given up."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
