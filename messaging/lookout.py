"""The lookout: what was found due by the look that promotion takes each second.

Jobs in doubt, and those that are wanted back from Twilio, need no look of their own meanwhile: a
statement that finds nothing costs an idle installation as much as one that finds something.
"""

import time
from collections.abc import Callable
from typing import Literal

from messaging.postgres.jobs import Due

Kind = Literal["doubts", "recalls"]

_FRESH = 3.0
"""Seconds for which a look is relied on. Promotion may look in another process, or be busy."""


class Lookout:
    """One a process. Its methods may be called from any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Nobody has looked yet."""
        self._monotonic = monotonic
        self._latest: tuple[float, Due] | None = None

    def note(self, found: Due) -> None:
        """Somebody has just looked."""
        self._latest = self._monotonic(), found

    def may_be_due(self, kind: Kind) -> bool:
        """Whether something of this kind was due, or nobody in this process has looked lately."""
        if self._latest is None:
            return True
        at, found = self._latest
        if self._monotonic() > at + _FRESH:
            return True
        return found.doubts if kind == "doubts" else found.recalls
