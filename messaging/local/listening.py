"""Whether a server answers yet."""

import socket
from http.client import HTTPConnection, HTTPException

from messaging.local.ports import LOOPBACK

_LIMIT = 1.0


def accepts(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody takes connections on this port."""
    try:
        with socket.create_connection((host, port), timeout=_LIMIT):
            return True
    except OSError:
        return False


def is_healthy(port: int, path: str) -> bool:
    """Whether a web server on this loopback port answers `path` with 200."""
    connection = HTTPConnection(LOOPBACK, port, timeout=_LIMIT)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
