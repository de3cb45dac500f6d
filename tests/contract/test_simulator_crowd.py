"""Many clients of the simulator at once: nobody waits for a turn of the loop for each of them."""

import asyncio
import select
import socket
from contextlib import ExitStack

from messaging.local.loops import fast_loop
from messaging.local.simulator import Simulator

CLIENTS = 100
TURNS = 20
"""Turns of the loop, at most, until all are served. One at a time, it would take one for each."""
REQUEST = b"GET /2010-04-01/Accounts/x/Messages.json HTTP/1.1\r\nHost: x\r\n\r\n"


async def _turns_until_all_are_answered() -> int:
    async with Simulator() as simulator:
        with ExitStack() as stack:
            waiting = select.poll()
            # The loop stands still here, as it does under load: all of them wait to be taken.
            for _ in range(CLIENTS):
                plug = stack.enter_context(_client(simulator.base_url))
                plug.sendall(REQUEST)
                waiting.register(plug, select.POLLIN)
            turns = 0
            while len(waiting.poll(0)) < CLIENTS and turns <= CLIENTS:
                await asyncio.sleep(0)
                turns += 1
            return turns


def _client(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def test_clients_that_come_together_are_taken_together() -> None:
    with asyncio.Runner(loop_factory=fast_loop) as runner:
        assert TURNS > runner.run(_turns_until_all_are_answered())
