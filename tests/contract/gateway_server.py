"""A server of raw bytes that does to each request whatever its script says."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("gateway_localhost.pem")


class Wire:
    """One connection, as the server sees it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        released: asyncio.Event,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.released = released

    async def read_request(self) -> bytes:
        """The next request, whole; empty when there is none."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = [
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ]
            return head + await self.reader.readexactly(length[0] if length else 0)
        except (asyncio.IncompleteReadError, OSError):
            return b""

    async def write(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """End the connection with RST, not FIN."""
        plain = self.writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Act = Callable[[Wire], Awaitable[None]]


class Server:
    """What a script has seen so far."""

    def __init__(self, script: Sequence[Act], greeting: Act | None, encrypted: bool) -> None:
        self._script = script
        self._greeting = greeting
        self._encrypted = encrypted
        self._released: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self.port = 0
        self.connections = 0
        self.ended = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"{'https' if self._encrypted else 'http'}://localhost:{self.port}"

    def release(self) -> None:
        """Let every request go on that `hold` holds."""
        self._loop.call_soon_threadsafe(self._released.set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        wire = Wire(reader, writer, self._released)
        try:
            if self._greeting is not None:
                await self._greeting(wire)
            while request := await wire.read_request():
                self.requests.append(request)
                act = self._script[min(len(self.requests), len(self._script)) - 1]
                await act(wire)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.ended += 1

    async def stop(self, listening: asyncio.Server) -> None:
        """End the listener, then every connection, and see them gone."""
        for one in listening.sockets:
            self._loop.remove_reader(one.fileno())
        for _ in range(5):  # asyncio leaks a connection that it took just before it closes
            await asyncio.sleep(0)
        listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    async def start(self) -> asyncio.Server:
        self._loop = asyncio.get_running_loop()
        self._released = asyncio.Event()
        tls = None
        if self._encrypted:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(CERTIFICATE)
        listening = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=tls)
        self.port = listening.sockets[0].getsockname()[1]
        return listening


@contextlib.contextmanager
def serving(*script: Act, greeting: Act | None = None, encrypted: bool = False) -> Iterator[Server]:
    """A server in a thread of its own. The last act of the script is repeated."""
    server = Server(script, greeting, encrypted)
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda *_: None)  # a client may vanish
        listening = runner.run(server.start())
        loop = runner.get_loop()
        thread = threading.Thread(target=loop.run_forever, name="gateway-server")
        thread.start()
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(listening), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)


def http(status: int, body: str = "", *, headers: Sequence[str] = ()) -> bytes:
    """An HTTP/1.1 answer with a length."""
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body.encode())}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body.encode()


def created(number: int = 0) -> bytes:
    """Twilio's answer to a create request."""
    record = {"sid": f"SM{number:032x}", "status": "queued", "num_segments": "1"}
    return http(201, json.dumps(record))


def answer(*parts: bytes) -> Act:
    """Write these parts, one after the other, and go on."""

    async def act(wire: Wire) -> None:
        for part in parts:
            await wire.write(part)

    return act


def answer_and_close(raw: bytes) -> Act:
    """Write this, then end the connection."""

    async def act(wire: Wire) -> None:
        await wire.write(raw)
        wire.close()

    return act


def hold(raw: bytes) -> Act:
    """Write this once the test releases the server."""

    async def act(wire: Wire) -> None:
        await wire.released.wait()
        await wire.write(raw)

    return act


async def close(wire: Wire) -> None:
    """End the connection with FIN."""
    wire.close()


async def reset(wire: Wire) -> None:
    """End the connection with RST."""
    wire.reset()


async def reset_at_first_byte(wire: Wire) -> None:
    """As a greeting: read one byte of the request, and end the connection with RST."""
    await wire.reader.readexactly(1)
    wire.reset()


async def be_silent(wire: Wire) -> None:
    """Say nothing until the client goes away."""
    await wire.reader.read()


async def stop_reading(wire: Wire) -> None:
    """As a greeting: leave everything that comes unread."""
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()
