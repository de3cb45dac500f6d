"""What every side of a comparison can do."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol


class Contender(Protocol):
    """A way to send texts that are rows in Postgres, as running processes."""

    @property
    def name(self) -> str:
        """As tables and reports call it."""

    @property
    def is_slow(self) -> bool:
        """Whether it sends so few texts a second that a third of ours are enough to tell."""

    @property
    def pids(self) -> Sequence[int]:
        """Its processes, with Postgres and Valkey."""

    def handing_over(self, count: int) -> AbstractContextManager[None]:
        """So many rows are stored when the block begins; they may be sent from its end on."""

    def hand_over_one(self, body: str) -> float:
        """Store one text, and let it be sent; when its commit began, in seconds since 1970."""

    def is_done(self) -> bool:
        """Whether every row is marked as sent and has a SID."""

    def last_sent(self) -> float:
        """When the last row was marked as sent, in seconds since 1970."""
