"""Group commit: receipts, or texts to us, that are there at the same time share one statement.

Nobody waits for company. While one group is being written the next one gathers, so that groups
are small when it is quiet and large when it is not.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, TypeVar

from messaging import events
from messaging.errors import Unreachable
from messaging.outages import Outages

T = TypeVar("T")
Record = Callable[[Sequence[T]], Awaitable[None]]
"""Commits a group; raises Unreachable where Postgres does not answer."""

_LARGEST = 500
_MOST_WAITING = 20_000


class Kept(Enum):
    """What became of one of them."""

    RECORDED = auto()
    UNREACHABLE = auto()
    """Postgres does not answer: the same one may be recorded later."""
    BROKEN = auto()
    """Postgres answers, and refuses this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting(Generic[T]):
    item: T
    kept: asyncio.Future[Kept]


class Collector(Generic[T]):
    """Takes them one by one and has them recorded in groups, while `run` runs."""

    def __init__(self, record: Record[T], patience: float = 5.0) -> None:
        """`patience` is in seconds and for one group.

        Twilio gives a webhook 15, and one may wait for two groups.
        """
        self._record = record
        self._outages = Outages()
        self._patience = patience
        self._waiting: deque[_Waiting[T]] = deque()
        self._arrived = asyncio.Event()

    async def add(self, item: T) -> Kept:
        """Returns once it is committed, or certainly not known to be."""
        if len(self._waiting) >= _MOST_WAITING:
            return Kept.UNREACHABLE
        kept: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item=item, kept=kept))
        self._arrived.set()
        return await kept

    async def run(self) -> None:
        """Records what arrives, group after group, until it is cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                size = min(len(self._waiting), _LARGEST)
                await self._flush([self._waiting.popleft() for _ in range(size)])

    async def _flush(self, group: Sequence[_Waiting[T]]) -> None:
        kept = await self._keep([waiting.item for waiting in group])
        if kept is Kept.BROKEN and len(group) > 1:
            # One of them is broken, the others must not suffer.
            for waiting in group:
                await self._flush([waiting])
            return
        for waiting in group:
            if not waiting.kept.done():  # a request may have been cancelled meanwhile
                waiting.kept.set_result(kept)

    async def _keep(self, items: Sequence[T]) -> Kept:
        try:
            async with asyncio.timeout(self._patience):
                await self._record(items)
        except (Unreachable, TimeoutError) as error:
            self._outages.note("postgres", error)
            return Kept.UNREACHABLE
        except Exception as error:  # noqa: BLE001 - the outer edge of a task that must not end
            # Not the error's own text: Postgres may quote a row in it.
            reason = f"{len(items)} were refused ({type(error).__name__})"
            events.infrastructure_lost(part="postgres", reason=reason)
            return Kept.BROKEN
        self._outages.worked()
        return Kept.RECORDED
