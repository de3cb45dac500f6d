"""One connection to Twilio, which carries one request at a time and knows how far it got."""

import asyncio
import select
from collections.abc import Callable
from typing import cast

from messaging.twilio.reply import Garbled, Reply, ReplyReader
from messaging.twilio.stages import Failed, Progress, Stage

Then = Callable[[Reply | Failed], None]


class Connection(asyncio.Protocol):
    """A connection that is open; `peer` is how reasons name the other end."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._arrivals = select.poll()
        self._reader: ReplyReader | None = None
        self._progress = Progress()
        self._then: Then | None = None
        self.on_free: Callable[[Connection], None] = Connection.close
        self.idle_since = 0.0
        self._writing = False
        self._reusable = True
        self._timer: asyncio.TimerHandle | None = None
        self._timeout = self._until = 0.0

    @property
    def reusable(self) -> bool:
        """Whether another request may be written here, as far as the loop has seen."""
        return self._reusable and self._transport is not None and not self._transport.is_closing()

    @property
    def silent(self) -> bool:
        """Whether an idle connection has nothing to read, asked of the kernel itself.

        Anything that arrives on an idle connection is its end or noise. The loop may not have
        come round to it yet, after a pause of the process for instance.
        """
        return not self._arrivals.poll(0)

    def exchange(self, request: bytes, *, timeout: float, progress: Progress, then: Then) -> None:
        """Write the request, once; `then` gets its reply, or Failed, in the turn of the loop in
        which that is known. Before that, `on_free` gets the connection, which is to be closed if it
        is not reusable.

        `timeout` in seconds runs from the write to the last byte of the answer. Raises Failed where
        nothing was written; its stage is DEADLINE if it was too late.
        """
        if self._transport is None or not self.reusable:
            self.on_free(self)
            raise Failed(progress.stage, f"{self._peer} closed the connection before the request")
        try:
            progress.begin_write()
        except Failed:
            self.on_free(self)
            raise
        # One for all: it and its parser hold each other, so that only the collector ends them.
        if self._reader is None:
            self._reader = ReplyReader()
        else:
            self._reader.begin()
        self._progress = progress
        self._reusable = False
        self._transport.write(request)
        progress.stage = Stage.WRITE if self._writing else Stage.STATUS
        self._then = then
        self._limit(timeout)

    def close(self) -> None:
        """Let go of the connection in the loop's next turn; a request on it fails where it stands.

        Without TLS's farewell, which would wait for the other side's.
        """
        self._reusable = False
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop once TCP, and TLS if asked for, stand."""
        self._transport = cast(asyncio.Transport, transport)
        # The least, so that pause_writing tells whether the whole request has left. Zero would
        # pause a TLS connection for ever: asyncio compares it with >= there.
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._arrivals.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def pause_writing(self) -> None:
        """Called by the loop while a part of the request has not left yet."""
        self._writing = True

    def resume_writing(self) -> None:
        """Called by the loop once all of the request has left."""
        self._writing = False
        if self._progress.stage is Stage.WRITE:
            self._progress.stage = Stage.STATUS

    def data_received(self, data: bytes) -> None:
        """Called by the loop with what has arrived."""
        if self._reader is None or self._then is None:
            self.close()
            return
        garbled = ""
        reply = None
        try:
            reply = self._reader.feed(data)
        except Garbled as error:
            garbled = str(error)
        if self._reader.headers_seen:
            self._progress.stage = Stage.BODY
        if garbled:
            self._fail(f"answered with something that is not HTTP/1.1 ({garbled})")
        if reply is not None:
            self._reusable = self._reader.reusable and not self._writing
            self._end(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop at the end of the connection, whoever ended it."""
        self._reusable = False
        if self._reader is None or self._then is None:
            return
        reply = None if exc else self._reader.end()
        if reply is not None:
            self._end(reply)
        else:
            self._fail(f"broke the connection ({exc})" if exc else "closed the connection")

    def _limit(self, timeout: float) -> None:
        """Let the request that begins take so many seconds.

        A timer that runs already for an earlier request stays, and is set again when it ends:
        one for each request would cost more than reading the answer.
        """
        self._timeout, self._until = timeout, self._loop.time() + timeout
        if self._timer is None or self._timer.when() > self._until:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._then is None:
            return
        if self._loop.time() < self._until:
            self._set_timer()
        else:
            self._fail(f"did not answer completely within {self._timeout:g} s")

    def _fail(self, what: str) -> None:
        stage = self._progress.stage
        self._end(
            Failed(stage, f"{self._peer} {what}; the request had reached: {stage.name.lower()}")
        )

    def _end(self, came: Reply | Failed) -> None:
        then, self._then = self._then, None
        if then is not None:
            self.on_free(self)
            then(came)
