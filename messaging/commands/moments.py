"""Times as people type and read them. What the time is now, the caller says: Postgres knows."""

import re
from datetime import UTC, datetime, timedelta

from messaging.domain.wording import plain, span
from messaging.errors import Refused
from messaging.explanation.line import Tell

_AHEAD = re.compile(r"\+(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)


def moment(text: str, now: datetime, name: str) -> datetime:
    """The time that somebody wrote: ISO 8601 with its time zone, or `+10m`, `+1h30m` from now.

    Raises Refused; `name` is what the sentence calls the value.
    """
    written = text.strip()
    ahead = _AHEAD.fullmatch(written)
    try:
        if ahead:
            days, hours, minutes, seconds = (int(number or 0) for number in ahead.groups())
            return now + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        time = datetime.fromisoformat(written)
        time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(
            f"{name} {plain(written)[:40]!r} is no time: write 2026-11-25T09:00:00Z, or +10m for "
            "ten minutes from now."
        ) from None
    if time.utcoffset() is None:
        raise Refused(
            f"{name} {written!r} has no time zone: end it with Z for UTC, or with an offset such "
            "as +01:00."
        )
    return time


def wall_clock(text: str, name: str) -> datetime:
    """The time on a clock that somebody wrote, without a zone: 2026-12-01T09:00. Raises Refused."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None:
        raise Refused(f"{name} {plain(text)[:40]!r} is no time on a clock: write 2026-12-01T09:00.")
    return time


def later(text: str, start: datetime, name: str) -> datetime:
    """The time so long after another one: `10m`, `1h30m`. Raises Refused."""
    written = text.strip().removeprefix("+")
    if not _AHEAD.fullmatch(f"+{written}"):
        raise Refused(f"{name} {plain(written)[:40]!r} is no length of time: write 10m, or 1h30m.")
    return moment(f"+{written}", start, name)


def past(text: str, now: datetime, name: str) -> datetime:
    """The time that somebody wrote, which has been: ISO 8601, or `-10m`, `-1h30m` from now.

    Raises Refused; `name` is what the sentence calls the value.
    """
    written = text.strip()
    if written.startswith("-"):
        try:
            return now - (moment(f"+{written[1:]}", now, name) - now)
        except (Refused, OverflowError):
            raise Refused(
                f"{name} {plain(written)[:40]!r} is no time: write 2026-11-25T09:00:00Z, or -10m "
                "for ten minutes ago."
            ) from None
    time = moment(written, now, name)
    if time > now:
        raise Refused(f"{name} {plain(written)[:40]!r} is still to come: give a time that was.")
    return time


def local(now: datetime) -> Tell:
    """Tells times in this machine's zone and how far they are from now, for people."""

    def tell(time: datetime) -> str:
        here, today = time.astimezone(), now.astimezone()
        day = "" if here.date() == today.date() else f"{here:%d %b %Y} "
        distance = f"in {span(time - now)}" if time > now else f"{span(now - time)} ago"
        return f"{day}{here:%H:%M:%S} ({distance})"

    return tell


def here(time: datetime) -> str:
    """Tells times in this machine's zone, for people."""
    return f"{time.astimezone():%d %b %Y %H:%M:%S %Z}"


def iso(time: datetime) -> str:
    """Tells times in UTC, for machines."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
