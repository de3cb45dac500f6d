"""Pacing: from the limits of a sender to the time between two texts. Pure.

Texts are spread evenly, so that no window ever holds more than its limit: not when Redis forgets
what was sent before, not when whoever took a slot dies, and not where two windows meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

_SPARE = 0.02
"""The share by which a second's limit is spread further than over its second: for requests that
begin late. A minute's gets a quarter of it, which is longer."""
_SHORT = timedelta(seconds=1)
_LEAST, _MOST = timedelta(milliseconds=10), timedelta(milliseconds=500)
"""Bounds of how late a text may begin: below, a process could not keep it; above, it need not."""


class RateUnit(StrEnum):
    """What a sender's limits count."""

    MESSAGES = "messages"
    SEGMENTS = "segments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many units in any window of this length."""

    count: int
    window: timedelta

    @property
    def spread(self) -> timedelta:
        """The time that so many units are spread over: a little more than the window."""
        return self.window * (1 + (_SPARE if self.window <= _SHORT else _SPARE / 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """From when to when a request may begin: readings of the monotonic clock, in seconds."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The strictest limit's pace, and how late a text may begin after its slot.

    Where texts `interval` apart begin no later than `tolerance` after their slots, no window
    holds more than its limit and one.
    """

    interval: timedelta
    tolerance: timedelta

    def tolerance_of(self, units: int) -> timedelta:
        """How late a text of so many units may begin: it is not divided, and ends a window with
        all of them. Where that leaves less than 10 ms, a window may hold a part of it more."""
        return max(_LEAST, self.tolerance - (units - 1) * self.interval)

    def slot(self, start: float, units: int) -> Slot:
        """The slot of a text of so many units that begins then: the later a request may begin, the
        fewer are missed; beyond that, a window would hold too many."""
        return Slot(start=start, end=start + self.tolerance_of(units).total_seconds())


def pace(limits: Sequence[Limit]) -> Pace | None:
    """The pace that keeps every one of these limits, or None where there is none."""
    if not limits:
        return None
    interval = max(limit.spread / limit.count for limit in limits)
    # So much later the text after the last one that a window may hold begins.
    tolerance = min(interval * (limit.count + 1) - limit.window for limit in limits)
    return Pace(interval=interval, tolerance=min(tolerance, _MOST))
