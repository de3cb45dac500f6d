"""Clients of a simulator: the real twilio package, plain HTTP, and the admin API."""

import http.client
import json
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from messaging.local.simulator import DEFAULT_NUMBER, Simulator

LIMIT = 10.0
TO = "+15551230001"


def client_of(
    simulator: Simulator,
    *,
    key: tuple[str, str] | None = None,
    account: str | None = None,
    timeout: float = LIMIT,
) -> Any:
    """The twilio package, pointed at the simulator; `key` and `account` replace its own.

    Its annotations take a status for an instance of the class that holds the names of the
    statuses, so its results are compared untyped.
    """
    config = simulator.config
    user, password = key or (config.account_sid, config.auth_token)
    transport = TwilioHttpClient(timeout=timeout, pool_connections=False)
    client = Client(user, password, account or config.account_sid, http_client=transport)  # type: ignore[no-untyped-call]
    client.api.base_url = client.messaging.base_url = simulator.base_url
    return client


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A plain HTTP answer."""

    status: int
    headers: dict[str, str]
    content: Any


class Line:
    """One kept-alive HTTP connection to the simulator."""

    def __init__(self, simulator: Simulator, *, timeout: float = LIMIT) -> None:
        parts = urlsplit(simulator.base_url)
        config = simulator.config
        pair = f"{config.account_sid}:{config.auth_token}".encode()
        self._authorization = f"Basic {b64encode(pair).decode()}"
        self._messages = f"/2010-04-01/Accounts/{config.account_sid}/Messages.json"
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)

    def create(self, *, to: str = TO, body: str = "Hello", **fields: str) -> Answer:
        """Send a text, from the default number."""
        form = {"To": to, "From": DEFAULT_NUMBER, "Body": body} | fields
        return self.ask("POST", self._messages, urlencode(form))

    def create_at_once(self, bodies: list[str]) -> list[str]:
        """Write several requests before reading; returns the bodies in the order of answers."""
        self._http.connect()
        for body in bodies:
            form = urlencode({"To": TO, "From": DEFAULT_NUMBER, "Body": body})
            head = f"POST {self._messages} HTTP/1.1\r\nAuthorization: {self._authorization}\r\n"
            self._http.send(f"{head}Content-Length: {len(form)}\r\n\r\n{form}".encode())
        received = b""
        while received.count(b"subresource_uris") < len(bodies):
            received += self._http.sock.recv(65536)
        return [one.partition(b'"')[0].decode() for one in received.split(b'"body":"')[1:]]

    def ask(self, method: str, path: str, content: str | None = None) -> Answer:
        """Any request, with the account's credentials."""
        self._http.request(method, path, content, {"Authorization": self._authorization})
        answer = self._http.getresponse()
        text = answer.read()
        return Answer(
            status=answer.status,
            headers=dict(answer.getheaders()),
            content=json.loads(text) if text else None,
        )

    def close(self) -> None:
        """Hang up."""
        self._http.close()


def admin(simulator: Simulator, call: str, content: object = None) -> Answer:
    """An admin call, e.g. `GET ledger?status=sent`."""
    method, _, path = call.partition(" ")
    line = Line(simulator)
    try:
        return line.ask(
            method, f"/_simulator/{path}", None if content is None else json.dumps(content)
        )
    finally:
        line.close()


def eventually(true: Callable[[], object]) -> None:
    """Wait until the condition holds; fails when that takes too long."""
    give_up = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.002)
