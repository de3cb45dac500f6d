"""Requests that are held open on purpose, until they are released or their client goes."""

import asyncio
from dataclasses import dataclass

from messaging.local.simulator.connection import Turn


@dataclass(slots=True, kw_only=True)
class Held:
    """One request that hangs. `stage` is before, after or midway."""

    id: int
    stage: str
    to: str
    body: str
    since: float
    turn: Turn
    released: asyncio.Future[None]


class Holds:
    """The requests that hang now."""

    def __init__(self) -> None:
        self._last_id = 0
        self._held: dict[int, Held] = {}

    @property
    def held(self) -> tuple[Held, ...]:
        """What hangs now, the oldest first."""
        return tuple(self._held.values())

    async def hold(self, turn: Turn, stage: str, since: float) -> bool:
        """Wait until this request is released; False if its client has gone."""
        released, gone = asyncio.get_running_loop().create_future(), turn.gone()
        held = self._add(turn, stage, since, released)
        try:
            await asyncio.wait((released, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._held[held.id]
        return not gone.done()

    def release(self, id: int) -> bool:
        """Let one request go on; False if none with this id hangs."""
        held = self._held.get(id)
        if held and not held.released.done():
            held.released.set_result(None)
        return held is not None

    def release_all(self) -> int:
        """Let every request go on; returns how many there were."""
        for id in tuple(self._held):
            self.release(id)
        return len(self._held)

    def drop_all(self) -> None:
        """Break the connection of every request that hangs."""
        for held in self.held:
            held.turn.reset()

    def _add(self, turn: Turn, stage: str, since: float, released: asyncio.Future[None]) -> Held:
        self._last_id += 1
        form = turn.request.form
        held = Held(
            id=self._last_id,
            stage=stage,
            to=form.get("To"),
            body=form.get("Body"),
            since=since,
            turn=turn,
            released=released,
        )
        self._held[held.id] = held
        return held
