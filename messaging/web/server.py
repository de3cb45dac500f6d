"""The HTTP server: uvicorn's, but that it does not look up ten times a second."""

import asyncio
from contextlib import suppress
from types import FrameType

import uvicorn

_TICK = 1.0
"""Seconds. Uvicorn renews the Date header at ticks, which has whole seconds."""
STARTUP_FAILURE = 3
"""The exit code where it could not listen; uvicorn's own."""


class Server(uvicorn.Server):
    """Uvicorn's server at a slower tick, which ends at once all the same when it is told to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        """Serves until it is told to stop."""
        self._loop = asyncio.get_running_loop()
        # Zero is the tick at which uvicorn renews the header.
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), _TICK)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: it came amid whatever the loop does, or while it sleeps."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)


def serve(config: uvicorn.Config) -> int:
    """Serves until SIGINT or SIGTERM; the exit code."""
    server = Server(config)
    # After it has stopped it raises the signal that told it to.
    with suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started else STARTUP_FAILURE
