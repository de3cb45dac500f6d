"""Proxies between the processes of a stack and each server: a network that a test can break."""

import re
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Self

from messaging.local.ports import LOOPBACK
from messaging.local.proxy import Proxy

_VARIABLES = {
    "postgres": "DATABASE_URL",
    "redis": "REDIS_URL",
    "twilio": "TWILIO_API_BASE_URL",
    "web": "PUBLIC_BASE_URL",
}
_PORT = re.compile(rf"(?<={re.escape(LOOPBACK)}:)\d+")


class Links:
    """The proxies, by what is behind them; `web` is between Twilio and the web process."""

    postgres: Proxy
    redis: Proxy
    twilio: Proxy
    web: Proxy

    def __init__(self, environment: Mapping[str, str]) -> None:
        """To the servers that the environment names. Nothing starts yet; use it with `with`."""
        self._environment = environment
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            for name, variable in _VARIABLES.items():
                found = _PORT.search(self._environment[variable])
                assert found is not None, f"{variable} has no port on loopback"
                setattr(self, name, undo.enter_context(Proxy((LOOPBACK, int(found[0])))))
            self._closing = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def detours(self) -> dict[str, str]:
        """What processes find in their environment instead: the same through the proxies."""
        return {
            variable: _PORT.sub(str(getattr(self, name).port), self._environment[variable])
            for name, variable in _VARIABLES.items()
        }
