"""What stands for Twilio on this machine, as its admin API shows it.

That is the simulator, or in a measurement of speed its stand-in, which knows less.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlencode

from pydantic import TypeAdapter

from messaging.errors import Unreachable
from messaging.local.ports import LOOPBACK
from messaging.local.simulator.rules import Rule

_LIMIT = 30.0
_PAGE = 1000
_RULE = TypeAdapter(Rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A text in the ledger. `job` and `attempt` are those of its callback's URL, where it has one.

    `at` is when it came in, in seconds since 1970; at the simulator, once it had thought about it.
    """

    sid: str
    job: str | None
    attempt: int | None
    to: str
    body: str
    at: float
    segments: int = 1


class Twilio:
    """What stands for Twilio on a port of this host, and runs."""

    def __init__(self, port: int, host: str = LOOPBACK) -> None:
        """Nothing is asked yet."""
        self.port = port
        self._host = host

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self.port}"

    def think(self, latency: timedelta) -> None:
        """From now on every request takes so long."""
        milliseconds = round(latency / timedelta(milliseconds=1))
        self._ask("PUT", "config", json.dumps({"latency_ms": milliseconds}))

    def admit(self, requests: int | None) -> None:
        """From now on take so many requests at once, and answer 429 to more."""
        self._ask("PUT", "config", json.dumps({"concurrent_requests": requests}))

    def requests(self) -> int:
        """How many there were, with those that were refused."""
        return int(json.loads(self._ask("GET", "ledger/summary"))["requests"])

    def ledger(self, words: str = "") -> Iterator[Accepted]:
        """Every text that came in whose body has these words, in order."""
        after: int | None = -1
        while after is not None:
            wishes = urlencode({"body": words, "after": after, "limit": _PAGE})
            page = json.loads(self._ask("GET", f"ledger?{wishes}"))
            for text in page["messages"]:
                yield Accepted(
                    sid=text["sid"],
                    job=text["job"],
                    attempt=int(text["attempt"]) if text["attempt"] else None,
                    to=text["to"],
                    body=text["body"],
                    at=datetime.fromisoformat(text["created_at"]).timestamp(),
                    segments=text["segments"],
                )
            after = page["next_after"]

    def arm(self, rule: Rule) -> int:
        """Put a fault rule in force; returns its id."""
        return int(json.loads(self._ask("POST", "faults", _RULE.dump_json(rule).decode()))["id"])

    def disarm(self, id: int) -> int:
        """Take a rule out of force; returns how often it has hit."""
        rules = json.loads(self._ask("GET", "faults"))["faults"]
        hits = next((int(rule["hits"]) for rule in rules if rule["id"] == id), 0)
        self._ask("DELETE", f"faults/{id}")
        return hits

    def release(self) -> None:
        """Let every request that hangs go on."""
        self._ask("POST", "release")

    def _ask(self, method: str, what: str, body: str | None = None) -> bytes:
        connection = HTTPConnection(self._host, self.port, timeout=_LIMIT)
        try:
            connection.request(method, f"/_simulator/{what}", body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status not in (200, 201, 204):
            raise Unreachable(f"Our Twilio answered {answer.status}: {content.decode()}")
        return content
