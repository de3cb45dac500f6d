"""An embedded server that is started again whenever it was killed."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import psycopg

from messaging.errors import MessagingError
from messaging.local.server import Server

_LOOK = 0.02
"""Seconds between two looks at it."""


class Kept:
    """Use it with `with`, while the server runs."""

    def __init__(self, server: Server, on_start: Callable[[], None]) -> None:
        """`on_start` is called, in another thread, when it is there again."""
        self._server = server
        self._on_start = on_start
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=server.name, daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._keeper.join()

    def _keep(self) -> None:
        while not self._closing.wait(_LOOK):
            if self._server.exit_code() is not None or self._is_gone():
                # What the killed one left behind may stand in the way for a moment.
                with suppress(MessagingError, OSError, psycopg.Error):
                    self._server.launch()
                    self._on_start()

    def _is_gone(self) -> bool:
        """Whether the last launch failed."""
        try:
            return not self._server.pid
        except MessagingError:
            return True
