"""Free ports on the loopback address."""

import socket

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on it now."""
    with socket.socket() as probe:
        # As servers do: a port that merely remembers closed connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def any_free() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def next_free(port: int, *, taken: frozenset[int] = frozenset()) -> int:
    """`port`, or the first free one above it that isn't in `taken`."""
    for candidate in range(port, min(port + 100, 65536)):
        if candidate not in taken and is_free(candidate):
            return candidate
    return any_free()
