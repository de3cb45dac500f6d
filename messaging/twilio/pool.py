"""Connections that wait for their next request."""

import time

from messaging.twilio.connection import Connection


class Pool:
    """The open connections to one place that no request is using. Use it in one loop only."""

    def __init__(self, longest_idle: float) -> None:
        """A connection is kept unused for so many seconds."""
        self._longest_idle = longest_idle
        self._idle: list[Connection] = []

    def take(self) -> Connection | None:
        """The one that was used last; None where none is open."""
        while self._idle:
            connection = self._idle.pop()
            age = time.monotonic() - connection.idle_since
            if age < self._longest_idle and connection.reusable and connection.silent:
                return connection
            connection.close()
        return None

    def put_back(self, connection: Connection) -> None:
        """Keep a connection whose request is over, if it may carry another one."""
        if connection.reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()

    def count(self, seconds: float) -> int:
        """How many are still there in so many seconds, as far as is known."""
        soon = time.monotonic() + seconds - self._longest_idle
        return sum(one.reusable and one.idle_since > soon for one in self._idle)

    def close(self) -> None:
        """Close them."""
        while self._idle:
            self._idle.pop().close()
