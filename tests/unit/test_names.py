"""Where a name leads is asked once for all who want to know at that time."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from messaging.twilio import dial
from messaging.twilio.dial import Names, Origin, Place

TWILIO = Origin(encrypted=True, host="api.twilio.com", port=443)
ELSEWHERE = Origin(encrypted=True, host="api.ashburn.us1.twilio.com", port=443)
HERE: Sequence[Place] = [(socket.AF_INET, ("192.0.2.1", 443))]


class Server:
    """Answers when it is told to, and remembers who was asked for."""

    def __init__(self) -> None:
        self.asked: list[Origin] = []
        self.ready = asyncio.Event()
        self.failure: OSError | None = None

    async def resolve(self, origin: Origin) -> Sequence[Place]:
        self.asked.append(origin)
        await self.ready.wait()
        if self.failure:
            raise self.failure
        return HERE


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a story that gets a server and the names that it answers for."""

    def run(story: Callable[[Server, Names], Coroutine[Any, Any, None]]) -> None:
        async def told() -> None:
            server = Server()
            monkeypatch.setattr(dial, "_resolve", server.resolve)
            await story(server, Names())

        asyncio.run(told())

    return run


def test_who_asks_meanwhile_or_right_after_shares_the_answer(run: Callable[..., None]) -> None:
    async def story(server: Server, names: Names) -> None:
        asking = [asyncio.ensure_future(names.places(TWILIO)) for _ in range(1000)]
        other = asyncio.ensure_future(names.places(ELSEWHERE))
        await asyncio.sleep(0)
        server.ready.set()
        assert [HERE] * 1000 == await asyncio.gather(*asking)
        assert HERE == await other
        assert HERE == await names.places(TWILIO)
        assert [TWILIO, ELSEWHERE] == server.asked

    run(story)


def test_an_answer_grows_old(run: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "_LASTING", 0.0)

    async def story(server: Server, names: Names) -> None:
        server.ready.set()
        await names.places(TWILIO)
        async with asyncio.timeout(10):
            while server.asked == [TWILIO]:
                await names.places(TWILIO)
                await asyncio.sleep(0)

    run(story)


def test_that_nobody_knew_is_told_to_all_who_asked_and_not_kept(run: Callable[..., None]) -> None:
    async def story(server: Server, names: Names) -> None:
        server.failure = socket.gaierror(socket.EAI_AGAIN, "try again")
        asking = [asyncio.ensure_future(names.places(TWILIO)) for _ in range(2)]
        await asyncio.sleep(0)
        server.ready.set()
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert [server.failure] * 2 == told
        server.failure = None
        assert HERE == await names.places(TWILIO)

    run(story)


def test_who_does_not_wait_any_longer_spoils_it_for_nobody(run: Callable[..., None]) -> None:
    async def story(server: Server, names: Names) -> None:
        first, second = (asyncio.ensure_future(names.places(TWILIO)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        server.ready.set()
        assert HERE == await second
        assert first.cancelled()
        assert [TWILIO] == server.asked

    run(story)
