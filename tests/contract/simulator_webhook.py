"""A webhook server of the caller's own, which remembers every request that it was sent."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

WAIT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One request to the webhook."""

    path: str
    fields: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Webhook:
    """What has arrived. `statuses` are the HTTP statuses of the next answers; then 204."""

    url: str = ""
    hooks: list[Hook] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, enough: Callable[[list[Hook]], bool]) -> list[Hook]:
        """What has arrived once it is enough; fails when that takes too long."""
        with self.changed:
            assert self.changed.wait_for(lambda: enough(self.hooks), WAIT), self.hooks
            return list(self.hooks)

    def reported(self) -> list[str]:
        """The statuses that have been reported, in the order of arrival."""
        return [one.fields["MessageStatus"] for one in list(self.hooks)]

    def take(self, hook: Hook) -> int:
        """Remember a request; returns the status of its answer."""
        with self.changed:
            self.hooks.append(hook)
            self.changed.notify_all()
            return self.statuses.pop(0) if self.statuses else 204


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook server on a free port."""
    hook = Webhook()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"])).decode()
            fields = dict(parse_qsl(content, keep_blank_values=True))
            status = hook.take(Hook(path=self.path, fields=fields, headers=dict(self.headers)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        hook.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()
