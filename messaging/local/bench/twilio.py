"""The simulator that stands for Twilio during a measurement, as its admin API shows it."""

import json
from datetime import datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlencode

from messaging.errors import Unreachable
from messaging.local.ports import LOOPBACK

_LIMIT = 30.0
_PAGE = 1000


class Twilio:
    """A running simulator on a loopback port."""

    def __init__(self, port: int) -> None:
        """Nothing is asked yet."""
        self._port = port

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self._port}"

    def think(self, latency: timedelta) -> None:
        """From now on every request takes so long."""
        milliseconds = round(latency / timedelta(milliseconds=1))
        self._ask("PUT", "config", json.dumps({"latency_ms": milliseconds}))

    def arrivals(self, words: str) -> dict[str, float]:
        """When each text whose body has these words came in, in seconds since 1970, by its body.

        A text comes in once the simulator has thought about it.
        """
        found: dict[str, float] = {}
        after: int | None = -1
        while after is not None:
            wishes = urlencode({"body": words, "after": after, "limit": _PAGE})
            page = json.loads(self._ask("GET", f"ledger?{wishes}"))
            for text in page["messages"]:
                found[text["body"]] = datetime.fromisoformat(text["created_at"]).timestamp()
            after = page["next_after"]
        return found

    def _ask(self, method: str, what: str, body: str | None = None) -> bytes:
        connection = HTTPConnection(LOOPBACK, self._port, timeout=_LIMIT)
        try:
            connection.request(method, f"/_simulator/{what}", body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Unreachable(f"The simulator answered {answer.status}: {content.decode()}")
        return content
