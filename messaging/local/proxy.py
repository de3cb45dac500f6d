"""A TCP proxy that a test or a drill can make slow, deaf or dead: a bad network on one machine."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Self, TypeVar

from messaging.local.link import Link, Terms
from messaging.local.listener import Listener
from messaging.local.loops import fast_loop
from messaging.local.ports import LOOPBACK, any_free

Result = TypeVar("Result")
_LIMIT = 10.0


class Proxy:
    """Passes connections to its loopback port on to a target, in a thread of its own.

    Its methods may be called from any other thread; what they say is in force when they return.
    A target that nobody listens on looks like a connection that is taken and then reset.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        """The target is an address and a port. Nothing starts yet; use it with `with`."""
        self._target = target
        self._terms = Terms()
        self._links: set[Link] = set()
        self._listener: Listener | None = None
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            # It keeps the port ours while nobody listens on it.
            reserved = undo.enter_context(_bound(any_free()))
            self.port: int = reserved.getsockname()[1]
            runner = undo.enter_context(asyncio.Runner(loop_factory=fast_loop))
            self._loop = runner.get_loop()
            thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
            thread.start()
            undo.callback(self._end, thread)
            self.pass_on()
            self._closing = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def aim(self, target: tuple[str, int]) -> None:
        """Connect new connections to another target."""
        self._target = target

    def pass_on(self) -> None:
        """Be a plain proxy again. What was held by `blackhole` is reset."""
        self._in_loop(self._change(Terms()))

    def delay(self, seconds: float) -> None:
        """Let each chunk arrive so much later, in order, in both directions."""
        self._in_loop(self._change(Terms(seconds=seconds)))

    def blackhole(self) -> None:
        """Deliver nothing, not even the end of a connection, and still take new ones.

        What the kernel was given before still arrives.
        """
        self._in_loop(self._change(Terms(swallow=True)))

    def refuse(self) -> None:
        """Reset every open connection and refuse new ones, until another mode is chosen."""
        self._in_loop(self._refuse())

    def cut(self) -> int:
        """Reset every open connection, and go on taking new ones. Returns how many there were."""
        return self._in_loop(self._cut())

    async def _change(self, terms: Terms) -> None:
        """Carry what is open, and what comes, on these terms."""
        held = self._terms.swallow and not terms.swallow
        self._terms.seconds, self._terms.swallow = terms.seconds, terms.swallow
        for link in self._links:
            link.drop() if terms.swallow else link.hurry()
        if held:
            await self._cut()
        self._listen()

    async def _refuse(self) -> None:
        self._close_listener()
        await self._cut()

    async def _cut(self) -> int:
        if self._listener:
            self._listener.take_all()
        cut = tuple(self._links)
        for link in cut:
            link.reset()
        while not self._links.isdisjoint(cut):
            await asyncio.sleep(0)
        return len(cut)

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = Listener(_bound(self.port), self._take, self._loop)

    def _close_listener(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None

    def _take(self, client: socket.socket) -> None:
        link = Link(client, self._terms, self._loop, self._links.discard)
        self._links.add(link)
        if not self._terms.swallow:
            link.open(self._target)

    def _end(self, thread: threading.Thread) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join(_LIMIT)

    def _in_loop(self, work: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LIMIT)


def _bound(port: int) -> socket.socket:
    """A socket with this loopback port, which it shares with others of ours."""
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    plug.bind((LOOPBACK, port))
    return plug
