"""The web process as a child, and requests to it signed as Twilio signs them."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from messaging.local.ports import LOOPBACK, any_free

PUBLIC = "https://texts.example.com"
TOKEN = "a" * 32
STATUS = "/api/twilio/status"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the web process said."""

    status: int
    text: str

    @property
    def json(self) -> object:
        """The body, read as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """A running web process."""

    port: int
    log: Path

    def get(self, path: str) -> Answer:
        """Asks for a page."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Posts a body as it is."""
        return self._ask("POST", path, body, headers)

    def call_back(
        self, form: Sequence[tuple[str, str]], query: str = "", token: str = TOKEN
    ) -> Answer:
        """Posts a status callback as Twilio does, signed."""
        path = f"{STATUS}?{query}" if query else STATUS
        signature = sign(PUBLIC + path, form, token)
        return self.post(path, urlencode(form).encode(), headers(signature))

    @property
    def date(self) -> str:
        """When an answer says that it was given."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=20)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().headers["Date"]
        finally:
            connection.close()

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=20)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(status=response.status, text=response.read().decode())
        finally:
            connection.close()


def sign(url: str, form: Sequence[tuple[str, str]], token: str = TOKEN) -> str:
    """The signature that the official package computes."""
    validator = RequestValidator(token)  # type: ignore[no-untyped-call]
    return str(validator.compute_signature(url, dict(form)))  # type: ignore[no-untyped-call]


def headers(signature: str) -> dict[str, str]:
    """The headers of a callback."""
    return {"Content-Type": FORM, "X-Twilio-Signature": signature}


@contextmanager
def web_process(folder: Path, files: str = "", **settings: str) -> Iterator[Web]:
    """`python -m messaging.web` with these settings and no others, until the block ends.

    It may open so many `files`, or as many as this process.
    """
    web = Web(port=any_free(), log=folder / "web.log")
    environment = {"PATH": os.environ["PATH"], "PORT": str(web.port), **settings}
    with web.log.open("w") as log, _child(environment, log, files) as process:
        _wait_until_alive(web, process)
        yield web


@contextmanager
def _child(
    environment: Mapping[str, str], log: IO[str], files: str
) -> Iterator[subprocess.Popen[bytes]]:
    limit = f"ulimit -n {files}; " if files else ""
    words = ["sh", "-c", f'{limit}exec "$0" -m messaging.web', sys.executable]
    process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_alive(web: Web, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            web.get("/healthz")
        except OSError:
            time.sleep(0.02)
            continue
        return
    raise AssertionError(f"the web process did not come up:\n{web.log.read_text()}")
