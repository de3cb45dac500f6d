"""Where a number's owner may be: the time zones of the number, and the place whose rules hold."""

from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, timezone

from messaging.domain import numbering
from messaging.domain.hour_rules import STATE_OF_AREA
from messaging.domain.job import Phone
from messaging.domain.zones import is_known

_REMEMBERED = 65_536
"""Numbers of which the answer is kept: finding it takes 5 to 60 µs."""
_AMERICAN = "US"
"""Also of what begins with +1 and is no number of any of its countries, such as those for tests."""


@lru_cache(maxsize=_REMEMBERED)
def zones_of(phone: Phone) -> tuple[str, ...]:
    """The names of all zones that we know in which this number may be; maybe none.

    A mobile number tells its country, and a toll-free one often less: then there are many.
    """
    found = numbering.zones_of(phone)
    if found is None:
        number = _parsed(phone)
        found = timezone.time_zones_for_number(number) if number else ()
    return tuple(filter(is_known, found))


@lru_cache(maxsize=_REMEMBERED)
def places_of(phone: Phone) -> tuple[str, ...]:
    """The country of a number, as in ISO 3166, and its US state if that has rules of its own.

    `("US", "US-FL")`. The state is the area code's; a toll-free number has none.
    """
    if home := numbering.home_of(phone):
        country = home.region
    else:
        number = _parsed(phone)
        country = phonenumbers.region_code_for_number(number) if number else None
    country = country or (_AMERICAN if phone.startswith("+1") else None)
    state = STATE_OF_AREA.get(phone[2:5]) if country == _AMERICAN else None
    return tuple(place for place in (country, state) if place)


@lru_cache(maxsize=16)
def _parsed(phone: Phone) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(phone)
    except NumberParseException:
        return None
