"""The wishes about delivery in a webhook URL's fragment: `#rc=3&rp=all&ct=2000`.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

_MOST_RETRIES: Final = 5
_KINDS: Final = frozenset(("ct", "rt", "4xx", "5xx"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """How one webhook request is delivered. Times are seconds; the defaults are Twilio's."""

    retries: int = 1
    retried: frozenset[str] = frozenset(("ct",))
    """Failures that are tried again: ct (connect), rt (no answer in time), 4xx, 5xx."""
    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    total_timeout: float = 15.0


@lru_cache(maxsize=64)
def read(fragment: str) -> Overrides:
    """The wishes in a fragment; what is missing or unreadable keeps its default."""
    wishes = dict(parse_qsl(fragment))
    kinds = frozenset(wishes.get("rp", "ct").split(","))
    return Overrides(
        retries=_number(wishes, "rc", 1, 0, _MOST_RETRIES),
        retried=_KINDS if "all" in kinds else kinds & _KINDS,
        connect_timeout=_number(wishes, "ct", 5000, 100, 10_000) / 1000,
        read_timeout=_number(wishes, "rt", 15_000, 100, 15_000) / 1000,
        total_timeout=_number(wishes, "tt", 15_000, 100, 15_000) / 1000,
    )


def _number(wishes: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = wishes.get(name, "")
    return min(most, max(least, int(text))) if text.isdecimal() else default
