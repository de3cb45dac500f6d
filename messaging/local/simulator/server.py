"""The running simulator: in this event loop, in a thread of its own, or as a process."""

import asyncio
import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Self, TypeVar

from messaging.local.listener import Listener
from messaging.local.loops import fast_loop
from messaging.local.simulator import life
from messaging.local.simulator.config import Config
from messaging.local.simulator.connection import Connection, Turn
from messaging.local.simulator.exchange import open_exchange
from messaging.local.simulator.faults import Faults
from messaging.local.simulator.heads import Heads
from messaging.local.simulator.holds import Holds
from messaging.local.simulator.inbound import Inbound, Received, receive
from messaging.local.simulator.ledger import Ledger
from messaging.local.simulator.parcels import Count
from messaging.local.simulator.serving import serve

Result = TypeVar("Result")


class Simulator:
    """Twilio's Messages API on a local port, and what it has accepted.

    `async with Simulator(config)` serves in the running event loop;
    `with Simulator.running(config)` serves from a thread, for tests that are not async.
    """

    def __init__(self, config: Config | None = None) -> None:
        self._wanted = config or Config()
        self._open: set[Connection] = set()
        self._heads = Heads()

    @classmethod
    @contextlib.contextmanager
    def running(cls, config: Config | None = None) -> Iterator[Self]:
        """A simulator that serves from its own thread until the block ends."""
        simulator = cls(config)
        with asyncio.Runner(loop_factory=fast_loop) as runner:
            loop = runner.get_loop()
            runner.run(simulator.start())
            thread = threading.Thread(target=loop.run_forever, name="twilio-simulator")
            thread.start()
            try:
                yield simulator
            finally:
                asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result(10)
                loop.call_soon_threadsafe(loop.stop)
                thread.join(10)

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken, Misconfigured if the file is no ledger."""
        loop = asyncio.get_running_loop()
        self._exchange = open_exchange(self._wanted, loop)
        try:
            plug = _listening(self._wanted.host, self._wanted.port)
        except OSError:
            self._exchange.close()
            raise
        self._port: int = plug.getsockname()[1]
        self._listener = Listener(plug, self._take, loop)
        life.resume(self._exchange)

    async def stop(self) -> None:
        """Stop at once; clients that wait for an answer get none."""
        self._listener.close()
        for connection in tuple(self._open):
            connection.close()
        self._exchange.close()
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def base_url(self) -> str:
        """Where the simulator listens: `http://127.0.0.1:8010`."""
        host = self._wanted.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def config(self) -> Config:
        """The configuration now, with the credentials."""
        return self._exchange.config

    @property
    def ledger(self) -> Ledger:
        """Everything that was accepted. Read only, from any thread."""
        return self._exchange.ledger

    @property
    def faults(self) -> Faults:
        """The rules in force. Rules may be added and removed from any thread."""
        return self._exchange.faults

    @property
    def holds(self) -> Holds:
        """The requests that hang. Read from any thread; release with `release`."""
        return self._exchange.holds

    @property
    def callbacks(self) -> Count:
        """How many webhook requests were delivered, failed, were retried, and wait."""
        return self._exchange.poster.count

    def release(self) -> int:
        """Let every request that hangs go on; returns how many there were. Other threads only."""
        return self._in_loop(self._exchange.holds.release_all)

    def reset(self) -> None:
        """Forget messages, faults and blocks. Other threads only."""
        self._in_loop(self._exchange.reset)

    def adjust(self, **changes: object) -> None:
        """Change settings while running, without checks. Other threads only."""
        self._in_loop(lambda: self._exchange.adjust(**changes))

    def advance(self, seconds: float) -> None:
        """Put the clock forward and send what is due then. Other threads only."""

        def forward() -> None:
            self._exchange.clock.advance(seconds)
            life.send_due(self._exchange)

        self._in_loop(forward)

    def receive(self, text: Inbound) -> Received:
        """Take in a text from a phone, and tell how the webhook answered. Other threads only."""
        return self._await(receive(self._exchange, text))

    def _take(self, client: socket.socket) -> None:
        self._exchange.spawn(self._talk_with(client))

    async def _talk_with(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self._new_connection, client)
        except OSError:  # it has gone already
            client.close()

    def _new_connection(self) -> Connection:
        return Connection(self._serve, self._open, self._heads)

    def _serve(self, turn: Turn) -> None:
        serve(self._exchange, turn)

    def _in_loop(self, work: Callable[[], Result]) -> Result:
        async def do() -> Result:
            return work()

        return self._await(do())

    def _await(self, work: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._exchange.loop).result(60)


def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises OSError if the port is taken, Misconfigured if the ledger file is none.
    """
    with asyncio.Runner(loop_factory=fast_loop) as runner:
        runner.run(_serve_until_told(config))


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


async def _serve_until_told(config: Config) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with Simulator(config) as simulator:
        _announce(simulator)
        await told.wait()


def _announce(simulator: Simulator) -> None:
    print(
        f"Twilio simulator on {simulator.base_url}, account {simulator.config.account_sid}, "
        f"Messaging Service {', '.join(simulator.config.messaging_services)}",
        file=sys.stderr,
        flush=True,
    )
