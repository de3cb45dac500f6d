"""Windows over a ledger: the fullest one, and the average. Pure."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A text that came in at this time, in seconds, and what it counts."""

    at: float
    units: int = 1


def fullest(arrivals: Sequence[Arrival], length: float) -> int:
    """The most units in any window of this length in seconds. Its end does not belong to it.

    Arrivals are in the order of their times.
    """
    window: deque[Arrival] = deque()
    most = units = 0
    for arrival in arrivals:
        window.append(arrival)
        units += arrival.units
        while window[0].at <= arrival.at - length:
            units -= window.popleft().units
        most = max(most, units)
    return most


def average(arrivals: Iterable[Arrival], start: float, end: float) -> float:
    """Units a second from `start` to `end`, which are in seconds."""
    units = sum(arrival.units for arrival in arrivals if start <= arrival.at < end)
    return units / (end - start)


def course(arrivals: Sequence[Arrival], length: float, step: float) -> list[tuple[float, int]]:
    """At each step since the first arrival, the units in the window that ends there."""
    if not arrivals:
        return []
    first, last = arrivals[0].at, arrivals[-1].at
    found: list[tuple[float, int]] = []
    begin = end = units = 0
    for number in range(1, int((last - first) / step) + 2):
        at = first + number * step
        while end < len(arrivals) and arrivals[end].at < at:
            units += arrivals[end].units
            end += 1
        while begin < end and arrivals[begin].at < at - length:
            units -= arrivals[begin].units
            begin += 1
        found.append((at - first, units))
    return found
