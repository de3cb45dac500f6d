"""`python -m messaging.local.bench.standin`: what stands for Twilio in a measurement.

All sides share their cores with it, so it does as little as possible. It takes every text that has
the right credentials. It looks at no number, sender or word, reports no status, and has no lists,
lookups, faults and limits; the simulator has all of that. Secrets come from the environment, as the
simulator's do.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from messaging.garbage import collect_seldom
from messaging.local.bench.taken import Acceptance, Taken
from messaging.local.bench.waiting import THEN_CLOSE, Waiting
from messaging.local.listener import Listener
from messaging.local.loops import fast_loop
from messaging.local.ports import LOOPBACK
from messaging.local.simulator.__main__ import configure
from messaging.local.simulator.admin import PREFIX
from messaging.local.simulator.api import is_allowed
from messaging.local.simulator.config import Config, Milliseconds
from messaging.local.simulator.connection import Connection, Turn
from messaging.local.simulator.heads import Heads
from messaging.local.simulator.message import API_VERSION
from messaging.local.simulator.refusals import Refusal, refusal
from messaging.local.simulator.requests import Request, error_response, json_response


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What can change while it runs."""

    latency_ms: Milliseconds


_CHANGE = TypeAdapter(_Change)


class _TextHeads(Heads):
    """The heads of texts that are taken, whatever their bodies are. One for all connections."""

    def __init__(self, is_taken: Callable[[Request], bool]) -> None:
        super().__init__()
        self._is_taken = is_taken

    def learn(self, data: bytes, request: Request) -> None:
        """Remember the head of `data`, if a request with it is a text that is taken."""
        if self._is_taken(request):
            super().learn(data, request)

    def form(self, data: bytes) -> bytes | None:
        """The body of the one whole text that `data` is, if its head is known."""
        parts = self.parts(data)
        return parts[1] if parts else None


class _Line(Connection):
    """A client's connection. Texts with known heads pass by the parser, and all answers wait."""

    def __init__(self, standin: "StandIn") -> None:
        super().__init__(standin.serve, standin.lines, standin.heads)
        self._standin = standin
        self._form_in = standin.heads.form

    def data_received(self, data: bytes) -> None:
        """Take bytes; what is no HTTP closes the connection."""
        form = self._form_in(data) if self._between else None
        if form is None:
            super().data_received(data)
        else:
            self._standin.take(form, self._transport)

    def write(self, data: bytes) -> None:
        """Write bytes when their time comes, unless the client has gone by then."""
        self._standin.waiting.give(self._transport, data)

    def end_turn(self, *, close: bool) -> None:
        """Take the next request at once: nothing is looked up, so only the answer waits."""
        super().end_turn(close=False)
        if close:
            self.write(THEN_CLOSE)


class StandIn:
    """Takes texts on a port, in a loop that runs."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        """Listens at once. Raises OSError if the port is taken."""
        self._config = config
        self._path = f"/{API_VERSION}/Accounts/{config.account_sid}/Messages.json"
        self._acceptance = Acceptance(config)
        self._taken = Taken(config)
        self._refused = 0
        self.heads = _TextHeads(self._is_taken)
        self.waiting = Waiting(loop)
        self.lines: set[Connection] = set()
        self._loop = loop
        self._opening: set[asyncio.Task[None]] = set()
        Listener(socket.create_server((config.host, config.port)), self._let_in, loop)

    def take(self, form: bytes, transport: asyncio.Transport) -> None:
        """Take a text whose head is known, and give its answer: all that most texts cost."""
        sid = self._taken.note(form)
        self.waiting.give(transport, self._acceptance.written(sid))

    def serve(self, turn: Turn) -> None:
        """Answer any request."""
        request = turn.request
        if request.path.startswith(PREFIX):
            self._administer(turn)
        elif self._is_taken(request):
            turn.answer(self._acceptance.response(self._taken.note(request.body)))
        else:
            self._refused += 1
            turn.answer(error_response(self._refusal(request)))

    def _is_taken(self, request: Request) -> bool:
        is_text = request.method == "POST" and request.path == self._path
        return is_text and is_allowed(request, self._config)

    def _refusal(self, request: Request) -> Refusal:
        is_known = is_allowed(request, self._config)
        return refusal(20404, resource=request.path) if is_known else refusal(20003)

    def _administer(self, turn: Turn) -> None:
        """Do what a measurement needs of the simulator's admin API."""
        request = turn.request
        match request.method, request.path.removeprefix(f"{PREFIX}/"):
            case "PUT", "config":
                self._change(turn)
            case "GET", "ledger":
                turn.answer(self._taken.page(request.arguments))
            case "GET", "ledger/summary":
                taken = len(self._taken)
                figures = {"requests": taken + self._refused, "accepted": taken}
                turn.answer(json_response(200, figures))
            case method, _:
                turn.answer(json_response(404, {"error": f"There is no {method} {request.path}."}))

    def _change(self, turn: Turn) -> None:
        try:
            change = _CHANGE.validate_json(turn.request.body)
        except ValidationError as error:
            turn.answer(json_response(400, {"error": str(error)}))
            return
        turn.answer(json_response(200, {"latency_ms": change.latency_ms}))
        self.waiting.seconds = change.latency_ms / 1000

    def _let_in(self, client: socket.socket) -> None:
        opening = self._loop.create_task(self._open(client))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _open(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: _Line(self), client)
        except OSError:  # it has gone already
            client.close()


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError if the port is taken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="the address to listen on")
    parser.add_argument("--port", required=True, help="the port to listen on")
    given = parser.parse_args(arguments)
    config = configure(["--host", given.host, "--port", given.port], environment)
    collect_seldom()
    with asyncio.Runner(loop_factory=fast_loop) as runner:
        runner.run(_serve_until_told(config))


async def _serve_until_told(config: Config) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    StandIn(config, loop)  # the loop keeps it, for its listener
    await told.wait()


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
