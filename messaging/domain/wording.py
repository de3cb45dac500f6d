"""Words for people: how long something took, and text from elsewhere that a terminal may show."""

import re
from datetime import timedelta

from messaging.domain.phone import mask

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and those that turn the direction of what follows."""
_NUMBER = re.compile(r"\+\d{7,15}")
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def span(time: timedelta) -> str:
    """How long, in its two largest units: `0.8 s`, `14 s`, `2 min 5 s`, `3 h 20 min`, `4 d`."""
    seconds = abs(time.total_seconds())
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    largest = next(i for i, (_, size) in enumerate(_UNITS) if whole >= size)
    parts = []
    for unit, size in _UNITS[largest : largest + 2]:
        number, whole = divmod(whole, size)
        parts += [f"{number} {unit}"] if number else []
    return " ".join(parts)


def count(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: `1 row`, `1,204 rows`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def at_least(number: int, *, has_more: bool) -> str:
    """A number that was counted to its end, or not: `1,204`, `10,000 or more`."""
    return f"{number:,} or more" if has_more else f"{number:,}"


def plain(text: str) -> str:
    """The text with its control characters written out, so that it cannot steer a terminal."""
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)


def hide_numbers(text: str) -> str:
    """The text with every phone number in it masked: Twilio's sentences quote the whole one."""
    return _NUMBER.sub(lambda found: mask(found[0]), text)
