"""The TCP proxy: what clients see in each mode, and what the target gets."""

import asyncio
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from messaging.local.link import Link, Terms
from messaging.local.loops import fast_loop
from messaging.local.ports import LOOPBACK, any_free
from messaging.local.process import wait_until
from messaging.local.proxy import Proxy

LIMIT = 10.0
LATE = 0.1
CHUNKS = 200
MEGABYTES = 8


class Echo(socketserver.ThreadingTCPServer):
    """Says its name to each client, then whatever the client says, and remembers it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, name: bytes = b"A") -> None:
        super().__init__((LOOPBACK, 0), _Talk)
        self.name = name
        self.heard = b""
        self.ended = 0

    @property
    def address(self) -> tuple[str, int]:
        return LOOPBACK, int(self.socket.getsockname()[1])


class _Talk(socketserver.BaseRequestHandler):
    server: Echo

    def handle(self) -> None:
        try:
            self.request.sendall(self.server.name)
            while words := self.request.recv(65536):
                self.server.heard += words
                self.request.sendall(words)
        except OSError:
            pass
        self.server.ended += 1


@contextmanager
def running(server: Echo) -> Iterator[Echo]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with running(Echo()) as server:
        yield server


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.address) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    """A connection through the proxy that was greeted."""
    with connected(proxy) as plug:
        assert plug.recv(1) == b"A"
        yield plug


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), timeout=LIMIT)


def answer(plug: socket.socket) -> str:
    """What a client sees after it has said something: an echo, a reset, or the end."""
    try:
        plug.sendall(b"x")
        return plug.recv(1).decode() or "end"
    except ConnectionError:
        return "reset"


def greeting(proxy: Proxy) -> str:
    """What a new client sees."""
    try:
        with connected(proxy) as plug:
            return plug.recv(1).decode() or "end"
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return "reset"


def held(proxy: Proxy) -> None:
    proxy.blackhole()
    proxy.pass_on()


def slow_then_normal(proxy: Proxy) -> None:
    proxy.delay(LATE)
    proxy.pass_on()


def refused_then_normal(proxy: Proxy) -> None:
    proxy.refuse()
    proxy.pass_on()


def refused_then_slow(proxy: Proxy) -> None:
    proxy.refuse()
    proxy.delay(LATE)


MODES: dict[str, tuple[Callable[[Proxy], object], str, str]] = {
    "pass on": (Proxy.pass_on, "x", "A"),
    "delay": (lambda proxy: proxy.delay(LATE), "x", "A"),
    "delay, then pass on": (slow_then_normal, "x", "A"),
    "cut": (Proxy.cut, "reset", "A"),
    "refuse": (Proxy.refuse, "reset", "refused"),
    "refuse, then pass on": (refused_then_normal, "reset", "A"),
    "refuse, then delay": (refused_then_slow, "reset", "A"),
    "blackhole, then pass on": (held, "reset", "A"),
}
"""What to do, what an open connection sees then, and what a new one sees."""


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_shows_in_open_and_in_new_connections(
    proxy: Proxy, client: socket.socket, mode: str
) -> None:
    choose, open_one, new_one = MODES[mode]
    choose(proxy)
    assert (open_one, new_one) == (answer(client), greeting(proxy))


def test_a_black_hole_swallows_both_ways_and_takes_new_connections(
    proxy: Proxy, client: socket.socket, echo: Echo
) -> None:
    proxy.blackhole()
    client.sendall(b"never arrives")
    with connected(proxy) as new_one:
        proxy.pass_on()
        assert ("reset", "reset", b"") == (answer(client), answer(new_one), echo.heard)


def test_a_black_hole_hides_that_a_client_has_gone(proxy: Proxy, echo: Echo) -> None:
    with connected(proxy) as plug:
        assert plug.recv(1) == b"A"
        proxy.blackhole()
    assert echo.ended == 0
    proxy.pass_on()
    assert wait_until(lambda: echo.ended == 1, limit=LIMIT)


def test_a_black_hole_swallows_what_is_on_its_way(
    proxy: Proxy, client: socket.socket, echo: Echo
) -> None:
    proxy.delay(LIMIT)
    client.sendall(b"late")
    proxy.blackhole()
    proxy.pass_on()
    assert ("reset", b"") == (answer(client), echo.heard)


def test_cut_counts_the_connections_that_it_resets(proxy: Proxy) -> None:
    plugs = [connected(proxy) for _ in range(20)]
    counts = proxy.cut(), proxy.cut()
    assert ((20, 0), {"reset"}) == (counts, {answer(plug) for plug in plugs})
    for plug in plugs:
        plug.close()


@pytest.mark.parametrize("turns", range(12))
def test_a_link_can_be_reset_at_each_turn_of_its_beginning(echo: Echo, turns: int) -> None:
    async def reset_then() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        there, client = socket.socketpair()
        with client:
            link = Link(there, Terms(), loop, lambda _: ended.set())
            link.open(echo.address)
            for _ in range(turns):
                await asyncio.sleep(0)
            link.reset()
            await asyncio.wait_for(ended.wait(), LIMIT)

    with asyncio.Runner(loop_factory=fast_loop) as runner:
        runner.run(reset_then())


def test_delayed_chunks_arrive_later_in_order_and_not_one_by_one(
    proxy: Proxy, client: socket.socket
) -> None:
    """One by one they would take twice as long as a client waits here."""
    proxy.delay(LATE)
    begin = time.monotonic()
    words = [b"%03d" % n for n in range(CHUNKS)]
    for word in words:
        client.sendall(word)
    assert b"".join(words) == received(client, 3 * CHUNKS)
    assert 2 * LATE <= time.monotonic() - begin


def test_a_delay_that_ends_overtakes_nothing(proxy: Proxy, client: socket.socket) -> None:
    proxy.delay(LIMIT)
    client.sendall(b"1")
    proxy.pass_on()
    client.sendall(b"2")
    proxy.delay(LATE)
    client.sendall(b"3")
    assert b"123" == received(client, 3)


def test_new_connections_go_where_the_proxy_is_aimed(proxy: Proxy, client: socket.socket) -> None:
    with running(Echo(b"B")) as other:
        proxy.aim(other.address)
        assert ("B", "x") == (greeting(proxy), answer(client))


def test_a_target_that_nobody_listens_on_resets_and_may_come_back(proxy: Proxy, echo: Echo) -> None:
    proxy.aim((LOOPBACK, any_free()))
    first = greeting(proxy)
    proxy.aim(echo.address)
    assert ("reset", "A") == (first, greeting(proxy))


def test_the_end_of_a_stream_is_passed_on_and_the_rest_still_arrives(
    proxy: Proxy, client: socket.socket
) -> None:
    """Both directions are full for a while: neither may be throttled into a standstill."""
    much = bytes(range(256)) * (MEGABYTES * 4096)
    sending = threading.Thread(target=send_all, args=(client, much))
    sending.start()
    assert much == received(client, len(much))
    sending.join()
    assert b"" == client.recv(1)


def test_a_target_that_resets_resets_its_client(proxy: Proxy) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        proxy.aim(server.getsockname())
        with connected(proxy) as plug, closing(server.accept()[0]) as there:
            plug.sendall(b"unread")
            there.recv(1)
            there.close()
            assert "reset" == answer(plug)


def test_nobody_listens_after_the_end(echo: Echo) -> None:
    with Proxy(echo.address) as proxy:
        assert "A" == greeting(proxy)
    assert "refused" == greeting(proxy)


def received(plug: socket.socket, size: int) -> bytes:
    words = bytearray()
    while len(words) < size and (more := plug.recv(65536)):
        words += more
    return bytes(words)


def send_all(plug: socket.socket, words: bytes) -> None:
    plug.sendall(words)
    plug.shutdown(socket.SHUT_WR)
