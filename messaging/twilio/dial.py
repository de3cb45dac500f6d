"""Opening a connection, step by step, so that a failure names its step."""

import asyncio
import math
import socket
import ssl
import time
from typing import NamedTuple

from messaging.twilio.connection import Connection
from messaging.twilio.stages import Failed, Progress, Stage

Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]


class Origin(NamedTuple):
    """Where a connection leads: RFC 6454's scheme, host and port."""

    encrypted: bool
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def dial(
    origin: Origin, *, tls: ssl.SSLContext, timeout: float, progress: Progress
) -> Connection:
    """An open connection. `timeout` in seconds covers name lookup, connect and TLS together.

    Raises Failed with the stage RESOLVE, CONNECT or TLS.
    """
    progress.owed_since = time.monotonic()
    until = progress.owed_since + timeout
    try:
        async with asyncio.timeout(timeout):
            addresses = await _resolve(origin, progress)
            connected = await _connect(addresses, until, progress)
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


async def _resolve(
    origin: Origin, progress: Progress
) -> list[tuple[socket.AddressFamily, Address]]:
    progress.stage = Stage.RESOLVE
    found = await asyncio.get_running_loop().getaddrinfo(
        origin.host, origin.port, type=socket.SOCK_STREAM
    )
    return [(family, address) for family, _, _, _, address in found]


async def _connect(
    addresses: list[tuple[socket.AddressFamily, Address]], until: float, progress: Progress
) -> socket.socket:
    """The first address that answers; each gets a fair share of the time that is left.

    Not the race of RFC 8305: Twilio's API has few addresses, and what is not reached here
    is tried again later.
    """
    progress.stage = Stage.CONNECT
    failure: OSError = OSError("no address")
    for place, (family, address) in enumerate(addresses):
        share = (until - time.monotonic()) / (len(addresses) - place)
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
