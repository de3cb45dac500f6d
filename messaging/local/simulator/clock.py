"""The simulator's clock, which can be put forward to reach a scheduled message sooner."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache


class Clock:
    """Seconds since 1970, real time plus what it was put forward by."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """The time now."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += seconds

    def reset(self) -> None:
        """Go back to real time."""
        self._ahead = 0.0


@lru_cache(maxsize=4096)
def _rfc2822(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


def rfc2822(at: float | None) -> str | None:
    """A time as Twilio's 2010 API writes it: `Tue, 24 Nov 2026 13:44:00 +0000`."""
    return None if at is None else _rfc2822(int(at))


def iso8601(at: float) -> str:
    """A time in UTC to the microsecond: `2026-11-24T13:44:00.123456Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def parse_iso8601(text: str) -> float | None:
    """Seconds since 1970; a time without a zone is UTC; None if it is no ISO 8601 time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
