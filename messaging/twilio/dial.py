"""Opening a connection, step by step, so that a failure names its step."""

import asyncio
import math
import socket
import ssl
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from messaging.twilio.connection import Connection
from messaging.twilio.stages import Failed, Progress, Stage

Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
Place = tuple[socket.AddressFamily, Address]

_LASTING = 1.0
"""Seconds for which an answer is good after it has come."""


class Origin(NamedTuple):
    """Where a connection leads: RFC 6454's scheme, host and port."""

    encrypted: bool
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Names:
    """Looks up where names lead. Who asks for one meanwhile, or right after, shares the answer: a
    thousand connections that are opened at once need no thousand questions.

    Use it in one loop only.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._answers: dict[Origin, asyncio.Future[Sequence[Place]]] = {}

    async def places(self, origin: Origin) -> Sequence[Place]:
        """Where it may be reached; raises OSError or UnicodeError where nobody knows."""
        answer = self._answers.get(origin)
        if answer is None:
            answer = self._answers[origin] = asyncio.ensure_future(_resolve(origin))
            answer.add_done_callback(partial(self._keep, origin))
        # Others wait for it, too, and this one may be canceled.
        return answer.result() if answer.done() else await asyncio.shield(answer)

    def _keep(self, origin: Origin, answer: asyncio.Future[Sequence[Place]]) -> None:
        """For a moment, if it is one."""
        if answer.cancelled() or answer.exception():
            del self._answers[origin]
        else:
            asyncio.get_running_loop().call_later(_LASTING, self._answers.pop, origin)


async def dial(
    origin: Origin, *, tls: ssl.SSLContext, timeout: float, progress: Progress, names: Names
) -> Connection:
    """An open connection. `timeout` in seconds covers name lookup, connect and TLS together.

    Raises Failed with the stage RESOLVE, CONNECT or TLS.
    """
    progress.owed_since = time.monotonic()
    until = progress.owed_since + timeout
    try:
        async with asyncio.timeout(timeout):
            progress.stage = Stage.RESOLVE
            places = await names.places(origin)
            connected = await _connect(places, until, progress)
            connection = await _open(connected, origin, tls, progress)
            progress.owed_since = math.inf
            return connection
    except TimeoutError as error:
        step = progress.stage.name.lower()
        raise Failed(
            progress.stage, f"{origin} was not reached within {timeout:g} s ({step})"
        ) from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA refuses
        step = progress.stage.name.lower()
        raise Failed(progress.stage, f"{origin} was not reached ({step}: {error})") from error


async def _resolve(origin: Origin) -> Sequence[Place]:
    found = await asyncio.get_running_loop().getaddrinfo(
        origin.host, origin.port, type=socket.SOCK_STREAM
    )
    return [(family, address) for family, _, _, _, address in found]


async def _connect(places: Sequence[Place], until: float, progress: Progress) -> socket.socket:
    """The first address that answers; each gets a fair share of the time that is left.

    Not the race of RFC 8305: Twilio's API has few addresses, and what is not reached here
    is tried again later.
    """
    progress.stage = Stage.CONNECT
    failure: OSError = OSError("no address")
    for number, (family, address) in enumerate(places):
        share = (until - time.monotonic()) / (len(places) - number)
        try:
            async with asyncio.timeout(share):
                return await _connect_one(family, address)
        except OSError as error:
            failure = error
    raise failure


async def _connect_one(family: socket.AddressFamily, address: Address) -> socket.socket:
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, address)
    except BaseException:
        connecting.close()
        raise
    return connecting


async def _open(
    connected: socket.socket, origin: Origin, tls: ssl.SSLContext, progress: Progress
) -> Connection:
    if origin.encrypted:
        progress.stage = Stage.TLS
    # From here on the socket is the loop's, which closes it if this fails.
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(str(origin)),
        sock=connected,
        ssl=tls if origin.encrypted else None,
        server_hostname=origin.host if origin.encrypted else None,
    )
    return connection
