"""Wall clocks: a time as clocks show it, in the zone that was named or in the number's."""

from dataclasses import dataclass
from datetime import datetime

from messaging.domain.job import Phone
from messaging.domain.places import zones_of
from messaging.domain.zones import instant_of, zone
from messaging.errors import Refused

_EARLIEST, _LATEST = datetime(1970, 1, 1), datetime(9998, 1, 1)  # noqa: DTZ001 - on any clock


@dataclass(frozen=True, slots=True, kw_only=True)
class WallClock:
    """The zone of a text's clock, and the instant at which it shows the text's time, if any."""

    time_zone: str | None
    instant: datetime | None


def wall_clock(phone: Phone, time_zone: str | None, local_time: datetime | None) -> WallClock:
    """The clock of a text to this number. Raises Refused, also where the number leaves it open."""
    named = zone(time_zone) if time_zone is not None else None
    if local_time is None:
        return WallClock(time_zone=time_zone, instant=None)
    if not isinstance(local_time, datetime) or local_time.tzinfo is not None:
        raise Refused(
            "local_time must be a datetime without a zone: give one, or use scheduled_for."
        )
    if named is not None:
        return WallClock(time_zone=time_zone, instant=_instant(local_time, named.key))
    return _of_number(phone, local_time)


def _of_number(phone: Phone, local_time: datetime) -> WallClock:
    names = zones_of(phone)
    instants = {_instant(local_time, name) for name in names}
    if len(instants) != 1:
        many = f"may be in {len(names)} time zones" if names else "tells no time zone"
        raise Refused(f"The number {many}: give time_zone with local_time.")
    return WallClock(time_zone=names[0], instant=instants.pop())


def _instant(local_time: datetime, name: str) -> datetime:
    if not _EARLIEST <= local_time <= _LATEST:
        raise Refused("local_time must be between the years 1970 and 9997.")
    return instant_of(local_time, zone(name))
