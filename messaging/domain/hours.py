"""Hours of the day at which texts may go out: windows on local clocks, a weekday each."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from messaging.domain.holidays import holidays_of
from messaging.domain.zones import instant_of
from messaging.errors import Refused

DAY = 24 * 60
Window = tuple[int, int]
"""From when to when, in minutes since midnight; the end does not belong to it."""
_SPAN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_DAYS = 100
"""How far the next window may be: holidays leave a week without one, and never so many."""
_AHEAD = timedelta(days=14)
"""How far an instant is looked for that suits every zone."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The windows of each weekday, from Monday on, in the order of time; none on the holidays of
    some places."""

    days: tuple[tuple[Window, ...], ...]
    resting: frozenset[str] = frozenset()
    """The places whose public holidays count, as in `domain.holidays`."""

    @classmethod
    def each_day(cls, *windows: Window) -> Self:
        """The same windows every day."""
        return cls((windows,) * 7)

    @classmethod
    def without_holidays(cls, *places: str) -> Self:
        """All day, but on the holidays of these places."""
        return cls((((0, DAY),),) * 7, frozenset(places))

    @classmethod
    def outside(cls, quiet: str) -> Self:
        """All but this time of the day, written `21:00-08:00`. Raises Refused."""
        found = _SPAN.fullmatch(quiet.strip())
        if not found:
            raise Refused(f"{quiet[:40]!r} is no time of the day: write 21:00-08:00, or off.")
        hour, minute, to_hour, to_minute = map(int, found.groups())
        start, end = hour * 60 + minute, to_hour * 60 + to_minute
        if start == end:
            raise Refused(f"{quiet[:40]!r} leaves no time to send: write 21:00-08:00, or off.")
        open_windows = [(end, start)] if end < start else [(0, start), (end, DAY)]
        return cls.each_day(*((a, b) for a, b in open_windows if a < b))

    def __and__(self, other: "Hours") -> "Hours":
        """The time that both allow."""
        return Hours(tuple(map(_both, self.days, other.days)), self.resting | other.resting)

    @property
    def is_empty(self) -> bool:
        """Whether no time of the week is allowed."""
        return not any(self.days)

    def next(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The first instant from `at` on, in UTC, that these hours allow on the zone's clocks.

        Raises ValueError where the hours are empty.
        """
        instant = at.astimezone(UTC)
        while not self.allow(instant, zone):
            instant = self._next_start(instant, zone)
        return instant

    def allow(self, instant: datetime, zone: ZoneInfo) -> bool:
        """Whether clocks in the zone show an allowed time then."""
        local = instant.astimezone(zone)
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self._windows(local.date()))

    def holiday(self, instant: datetime, zone: ZoneInfo) -> str:
        """The holiday that clocks in the zone show then; empty where it is none."""
        return self._holiday(instant.astimezone(zone).date())

    def _windows(self, day: date) -> tuple[Window, ...]:
        return () if self._holiday(day) else self.days[day.weekday()]

    def _holiday(self, day: date) -> str:
        names = (holidays_of(place, day.year).get(day) for place in sorted(self.resting))
        return next((name for name in names if name), "")

    def _next_start(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """When the next window begins. One that begins in a gap of the clocks begins after it."""
        if self.is_empty:
            raise ValueError("these hours allow no time at all")
        local = instant.astimezone(zone).replace(tzinfo=None)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        starts = (
            instant_of(midnight + timedelta(days=ahead, minutes=start), zone)
            for ahead in range(_DAYS)
            for start, _ in self._windows(local.date() + timedelta(days=ahead))
        )
        return next(start for start in starts if start > instant)


def allowed_at(at: datetime, zones: Iterable[ZoneInfo], hours: Hours) -> datetime | None:
    """The first instant from `at` on, in UTC, that the hours allow in each of these zones.

    None where there is none within two weeks.
    """
    everywhere = list(zones)
    instant, latest = at.astimezone(UTC), at + _AHEAD
    while instant <= latest:
        later = max((hours.next(instant, zone) for zone in everywhere), default=instant)
        if later == instant:
            return instant
        instant = later
    return None


def _both(some: Iterable[Window], others: Iterable[Window]) -> tuple[Window, ...]:
    others = list(others)
    pairs = ((max(a, c), min(b, d)) for a, b in some for c, d in others)
    return tuple(sorted((start, end) for start, end in pairs if start < end))
