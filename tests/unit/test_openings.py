"""Who finds no connection: some open one in each turn of the loop, urgent ones first."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import cast

import pytest

from messaging.twilio.connection import Connection
from messaging.twilio.openings import Openings

MANY = 40


class Waiting:
    """Notes who goes on, and with what; `free` are connections that nobody uses."""

    def __init__(self) -> None:
        self.free: list[Connection] = []
        self.begun: list[tuple[str, Connection | None]] = []
        self.openings = Openings(lambda: self.free.pop() if self.free else None)

    def wait(self, name: str, *, urgent: bool = False) -> None:
        self.openings.wait(lambda found: self.begun.append((name, found)), urgent=urgent)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.begun]


Run = Callable[[Callable[[Waiting], Coroutine[None, None, None]]], None]


@pytest.fixture
def run() -> Run:
    async def told(story: Callable[[Waiting], Coroutine[None, None, None]]) -> None:
        await story(Waiting())

    return lambda story: asyncio.run(told(story))


async def turn() -> None:
    await asyncio.sleep(0)


def test_a_burst_is_spread_over_turns_and_all_have_theirs(run: Run) -> None:
    async def story(waiting: Waiting) -> None:
        for n in range(MANY):
            waiting.wait(str(n))
        assert not waiting.begun, "not before it has returned"
        begun = []
        while len(waiting.begun) < MANY:
            await turn()
            begun.append(len(waiting.begun))
        assert begun[0] < MANY / 2
        assert [str(n) for n in range(MANY)] == waiting.names

    run(story)


def test_an_urgent_one_does_not_wait_for_those_that_came_before(run: Run) -> None:
    async def story(waiting: Waiting) -> None:
        for n in range(MANY):
            waiting.wait(str(n))
        await turn()
        so_far = len(waiting.begun)
        waiting.wait("urgent", urgent=True)
        await turn()
        assert waiting.names[so_far] == "urgent"

    run(story)


def test_connections_that_become_free_serve_those_that_wait(run: Run) -> None:
    async def story(waiting: Waiting) -> None:
        for n in range(MANY):
            waiting.wait(str(n))
        await turn()
        opened = len(waiting.begun)
        waiting.free = [cast(Connection, object()) for _ in range(MANY - opened)]
        await turn()
        assert len(waiting.begun) == MANY, "none of these costs an opening"
        assert all(found is None for _, found in waiting.begun[:opened])
        assert all(found is not None for _, found in waiting.begun[opened:])

    run(story)


def test_who_comes_after_all_were_served_is_served(run: Run) -> None:
    async def story(waiting: Waiting) -> None:
        waiting.wait("first")
        await turn()
        waiting.wait("second")
        await turn()
        assert ["first", "second"] == waiting.names

    run(story)
