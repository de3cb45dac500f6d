"""Refusals: what strangers send is told once, and then how often; a log is not theirs to fill."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Literal

from messaging import events

Refusable = Literal["callback", "client", "message"]
_QUIET = 60.0
"""Seconds between two lines of one reason."""


class Refusals:
    """Tells of refusals, for each reason: of the first at once, then each minute how many came.

    There are few reasons, since none of them quotes what was sent.
    """

    def __init__(
        self,
        what: Refusable,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`what` is refused; nothing was yet."""
        self._what: Refusable = what
        self._monotonic = monotonic
        self._told: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    def note(self, reason: str) -> None:
        """Counts a refusal, and tells of it unless one for the same reason was told just now."""
        now = self._monotonic()
        self._untold[reason] += 1
        if now - self._told.get(reason, -_QUIET) >= _QUIET:
            self._told[reason] = now
            events.refused(what=self._what, reason=reason, times=self._untold.pop(reason))
