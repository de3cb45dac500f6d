"""Recurring times: an RRULE (RFC 5545) on the clocks of a zone, with an end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from dateutil.rrule import rrule, rrulestr

from messaging.domain import wording
from messaging.domain.zones import instant_of, zone
from messaging.errors import Refused

_ANY = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYHOUR", "BYMINUTE"}
_PARTS = {
    "HOURLY": _ANY,
    "DAILY": _ANY | {"BYMONTH"},
    "WEEKLY": _ANY | {"BYMONTH"},
    "MONTHLY": _ANY | {"BYMONTH", "BYMONTHDAY", "BYSETPOS"},
    "YEARLY": _ANY | {"BYMONTH", "BYMONTHDAY", "BYSETPOS", "BYWEEKNO", "BYYEARDAY"},
}
"""What may go with each frequency. A rule that no day fulfils is looked at to the year 9999: with
more parts than these, for minutes."""
_NUMBERS = {"INTERVAL": 1000, "COUNT": 999_999}
"""Parts that are a whole number, and the largest."""
_LONGEST_RULE = 500
_HORIZON = timedelta(days=3653)
"""How far ahead occurrences are looked for: ten years."""
_YEARS = range(1970, 9000)
_EXAMPLE = "FREQ=WEEKLY;BYDAY=MO;COUNT=10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule, the wall-clock time that it starts from, and the zone of those clocks."""

    rule: str
    starts_at: datetime
    time_zone: str

    def times(self) -> Iterator[datetime]:
        """The wall-clock times of all occurrences, in their order. Raises Refused.

        The start is one of them only if the rule says so.
        """
        if not isinstance(self.starts_at, datetime) or self.starts_at.year not in _YEARS:
            raise Refused("The start must be a time between the years 1970 and 8999.")
        parts = _parts(self.rule)
        count = int(parts.pop("COUNT")) if "COUNT" in parts else None
        latest = self.starts_at + _HORIZON
        until = min(latest, self._until(parts.pop("UNTIL"))) if "UNTIL" in parts else latest
        return islice(_rule(parts, self.starts_at, until), count)

    def instants(self) -> Iterator[tuple[datetime, datetime]]:
        """Each wall-clock time with its instant, in UTC."""
        here = zone(self.time_zone)
        return ((local, instant_of(local, here)) for local in self.times())

    def _until(self, written: str) -> datetime:
        """The last wall-clock time that counts; a date alone counts to its end."""
        try:
            if written.endswith("Z"):
                instant = datetime.strptime(written, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                return instant.astimezone(zone(self.time_zone)).replace(tzinfo=None)
            if "T" in written:
                return datetime.strptime(written, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a wall clock's
            day = datetime.strptime(written, "%Y%m%d")  # noqa: DTZ007
        except (ValueError, OverflowError):
            raise Refused(
                f"UNTIL={written[:20]} is no time: write UNTIL=20271231T235959Z."
            ) from None
        return day + timedelta(days=1, microseconds=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a recurrence may ask for."""

    most: int
    shortest: timedelta


def checked(recurrence: Recurrence, bounds: Bounds) -> int:
    """How many occurrences there are. Raises Refused where that is none, too many or too often."""
    times = list(islice(recurrence.times(), bounds.most + 1))
    if not times:
        raise Refused("The rule has no occurrence within ten years: check its parts and its start.")
    if len(times) > bounds.most:
        raise Refused(
            f"The rule has more than {bounds.most:,} occurrences: end it sooner with COUNT or "
            "UNTIL, or raise MESSAGING_SERIES_MOST."
        )
    if any(later - sooner < bounds.shortest for sooner, later in pairwise(times)):
        raise Refused(
            f"The rule has occurrences less than {wording.span(bounds.shortest)} apart: space "
            "them out, or lower MESSAGING_SERIES_SHORTEST."
        )
    return len(times)


def _parts(rule: str) -> dict[str, str]:
    """The rule's parts by their names. One without an end is refused."""
    written = rule.strip().upper().removeprefix("RRULE:") if isinstance(rule, str) else ""
    if not written or len(written) > _LONGEST_RULE or not written.isprintable():
        raise Refused(f"The rule is none: write {_EXAMPLE}.")
    pairs = [part.partition("=") for part in written.split(";")]
    parts = {name: value for name, _, value in pairs}
    if len(parts) < len(pairs) or not all(parts.values()):
        raise Refused(f"The rule {written[:60]!r} is not well-formed: write {_EXAMPLE}.")
    if "COUNT" not in parts and "UNTIL" not in parts:
        raise Refused("The rule has no end: add COUNT=10, or UNTIL=20271231T235959Z.")
    if "COUNT" in parts and "UNTIL" in parts:
        raise Refused("The rule has both COUNT and UNTIL: RFC 5545 allows one of them.")
    _check(parts)
    return parts


def _check(parts: Mapping[str, str]) -> None:
    frequency = parts.get("FREQ", "")
    if frequency not in _PARTS:
        raise Refused(f"FREQ={frequency[:20]} must be one of {', '.join(_PARTS)}.")
    for name, value in parts.items():
        if name not in _PARTS[frequency]:
            raise Refused(f"{name[:20]} cannot go with FREQ={frequency}: leave it out.")
        most = _NUMBERS.get(name)
        if most and not (value.isdecimal() and len(value) < 9 and 1 <= int(value) <= most):
            raise Refused(f"{name}={value[:20]} must be a whole number from 1 to {most:,}.")


def _rule(parts: Mapping[str, str], start: datetime, until: datetime) -> rrule:
    endless = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        made = rrulestr(endless, dtstart=start)
        if not isinstance(made, rrule):
            raise Refused(f"The rule is no single RRULE: write {_EXAMPLE}.")
        return made.replace(until=until)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise Refused(f"The rule {endless[:60]!r} cannot be read: write {_EXAMPLE}.") from None
