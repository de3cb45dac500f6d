"""Free ports, on the loopback address or another one of this host."""

import os
import socket
from itertools import count

LOOPBACK = "127.0.0.1"
_FIRST, _MANY = 20_000, 12_000
"""Below the ports that Linux and macOS give to clients, which come and go all the time."""
_EACH = 64
_asked = count()


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on it now."""
    with socket.socket() as probe:
        # As servers do: a port that merely remembers closed connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def any_free(host: str = LOOPBACK) -> int:
    """A port that nobody has, and that this process has not been given before.

    Each process begins at another one: two that ask at the same time, and use it a little later,
    must not get the same. Raises OSError where none is free.
    """
    begin = os.getpid() * _EACH
    for _ in range(_MANY):
        port = _FIRST + (begin + next(_asked)) % _MANY
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"No port from {_FIRST} to {_FIRST + _MANY - 1} is free on {host}.")


def next_free(port: int, *, taken: frozenset[int] = frozenset()) -> int:
    """`port`, or the first free one above it that isn't in `taken`."""
    for candidate in range(port, min(port + 100, 65536)):
        if candidate not in taken and is_free(candidate):
            return candidate
    return any_free()
