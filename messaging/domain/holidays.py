"""Public holidays of a place, worked out by the package `holidays`: no network, any year. Pure."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib import metadata


@lru_cache(maxsize=1024)
def holidays_of(place: str, year: int) -> Mapping[date, str]:
    """The holidays of a country or US state (ISO 3166: `FR`, `US-AL`) in a year, with their names.

    Those that move off a weekend are on both days. None where the package does not know the place.
    """
    # Here, because it takes 150 ms, and most processes never ask.
    import holidays

    country, _, state = place.partition("-")
    if country not in holidays.list_supported_countries():
        return {}
    found = holidays.country_holidays(country, subdiv=state or None, years=year, language="en_US")
    return dict(found)


def is_known(place: str) -> bool:
    """Whether there are holidays of this place."""
    return bool(holidays_of(place, 2026))


def version() -> str:
    """The release of the package."""
    return metadata.version("holidays")
