"""Every change of the clocks from 2020 to 2035, of every zone that tzdata has."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

_FIRST, _LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
_STEP = timedelta(days=5)
"""No clock changes twice within that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a zone's clocks. From an instant to what they show there is only one way."""

    name: str
    zone: ZoneInfo
    instant: datetime

    @property
    def before(self) -> timedelta:
        """What the clocks were ahead of UTC."""
        return _offset(self.zone, self.instant - timedelta(seconds=1))

    @property
    def after(self) -> timedelta:
        """What they are ahead of UTC since."""
        return _offset(self.zone, self.instant)

    @property
    def middle(self) -> datetime:
        """The local time in the middle of what is skipped, or shown twice."""
        return (self.instant + (self.before + self.after) / 2).replace(tzinfo=None)

    def local(self, instant: datetime) -> datetime:
        """What the clocks show."""
        return instant.astimezone(self.zone).replace(tzinfo=None)


@lru_cache(maxsize=1)
def zones() -> dict[str, ZoneInfo]:
    """The zones by their names; of those that are alike only the first."""
    found: dict[bytes, tuple[str, ZoneInfo]] = {}
    for name in resources.files("tzdata").joinpath("zones").read_text().split():
        file = resources.files("tzdata.zoneinfo").joinpath(*name.split("/"))
        with file.open("rb") as opened:
            found.setdefault(file.read_bytes(), (name, ZoneInfo.from_file(opened, key=name)))
    return dict(found.values())


def changes() -> Iterator[Change]:
    """Each change of each clock."""
    for name, zone in zones().items():
        at, offset = _FIRST, _offset(zone, _FIRST)
        while at < _LAST:
            following = at + _STEP
            if _offset(zone, following) != offset:
                yield Change(name=name, zone=zone, instant=_change(zone, at, following))
                offset = _offset(zone, following)
            at = following


def _change(zone: ZoneInfo, at: datetime, following: datetime) -> datetime:
    """The first second with the later offset."""
    was = _offset(zone, at)
    while following - at > timedelta(seconds=1):
        middle = at + timedelta(seconds=(following - at) // timedelta(seconds=2))
        at, following = (middle, following) if _offset(zone, middle) == was else (at, middle)
    return following


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
