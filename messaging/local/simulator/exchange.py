"""The exchange: all that the simulator knows and has at hand, passed to whatever needs it."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Protocol

from messaging.local.simulator.blocks import Blocks
from messaging.local.simulator.clock import Clock
from messaging.local.simulator.config import Config
from messaging.local.simulator.faults import Faults
from messaging.local.simulator.holds import Holds
from messaging.local.simulator.journal import Journal
from messaging.local.simulator.ledger import Ledger
from messaging.local.simulator.poster import Poster
from messaging.local.simulator.timetable import Timetable


class Post(Protocol):
    """Posts a callback; the one given is posted when this one has been answered."""

    def __call__(self, then: "Post | None") -> None: ...


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One running simulator. Only its own event loop changes it."""

    config: Config
    initial: Config
    """What the configuration was at the start."""
    loop: asyncio.AbstractEventLoop
    clock: Clock
    ledger: Ledger
    faults: Faults
    blocks: Blocks
    holds: Holds
    poster: Poster
    timetable: Timetable
    busy: int = 0
    """API requests that have come in and are not answered."""
    withheld: dict[str, Post] = field(default_factory=dict)
    """By SID: the callback that lets the message's next one overtake it."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Let something go on beside the rest; it is cancelled when the simulator stops."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def one_less(self) -> None:
        """A request is answered, or its client has gone."""
        self.busy -= 1

    def adjust(self, **changes: object) -> None:
        """Change settings while running; the caller has checked them."""
        self.config = replace(self.config, **changes)  # type: ignore[arg-type]

    def reset(self) -> None:
        """Go back to how it all was at the start; what hangs or waits is dropped."""
        self.config = self.initial
        self.clock.reset()
        self.ledger.clear()
        self.faults.clear()
        for rule in self.initial.faults:
            self.faults.add(rule)
        self.blocks.clear()
        self.timetable.clear()
        self.withheld.clear()
        self.poster.forget()
        self.holds.drop_all()

    def close(self) -> None:
        """Stop all that goes on."""
        for task in tuple(self._tasks):
            task.cancel()
        self.timetable.clear()
        self.poster.close()
        self.ledger.close()


def open_exchange(config: Config, loop: asyncio.AbstractEventLoop) -> Exchange:
    """An exchange with the ledger that its file remembers."""
    return Exchange(
        config=config,
        initial=config,
        loop=loop,
        clock=Clock(),
        ledger=Ledger(Journal(config.ledger_file) if config.ledger_file else None),
        faults=Faults(config.faults, seed=config.seed),
        blocks=Blocks(),
        holds=Holds(),
        poster=Poster(loop, connections=config.callback_connections),
        timetable=Timetable(),
    )
