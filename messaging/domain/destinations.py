"""Destinations: which countries and ranges of numbers texts may go to. Pure."""

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from messaging.domain import numbering
from messaging.domain.job import Phone
from messaging.domain.phone import mask

ANY = "*"
"""In place of a country: all of them."""
_NEIGHBOURS = frozenset({"US", "CA"})
"""They share numbers that are of both, and texts between them are everyday."""
_NO_COUNTRY = "001"
"""What `phonenumbers` calls the world: satellites, for instance."""
_REGION = re.compile(r"[A-Z]{2}")
_PREFIX = re.compile(r"\+[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destinations:
    """Where texts may go: to these countries (None: to all), and to no number that begins so."""

    countries: frozenset[str] | None = None
    blocked: tuple[str, ...] = ()

    def why_not(self, phone: Phone) -> str | None:
        """Why no text may go to this number, in a sentence that says what to do; None: it may."""
        if self.blocked and phone.startswith(self.blocked):
            prefix = next(prefix for prefix in self.blocked if phone.startswith(prefix))
            return (
                f"The phone number {mask(phone)} begins with {prefix}, which is blocked "
                "(MESSAGING_BLOCKED_PREFIXES, or the table messaging.destinations)."
            )
        if self.countries is None or (region := region_of(phone)) in self.countries:
            return None
        return (
            f"The phone number {mask(phone)} is one of {region or 'no country'}, where no texts "
            "may go: add that country to MESSAGING_COUNTRIES, or to the table "
            "messaging.destinations."
        )


ANYWHERE = Destinations()


def region_of(phone: str) -> str | None:
    """The country of a number in E.164 as ISO 3166 writes it; None where it has none."""
    region: str | None
    if home := numbering.home_of(phone):
        # In no range that is in use: the country of its calling code.
        region = home.region or home.of_code
    else:
        number = phonenumbers.parse(phone)
        region = phonenumbers.region_code_for_number(number) or next(
            iter(COUNTRY_CODE_TO_REGION_CODE.get(number.country_code or 0, ())), None
        )
    return None if region == _NO_COUNTRY else region


def home_of(sender: str | None) -> frozenset[str] | None:
    """The countries that a sender's texts go to unless more are named; None: it is not known.

    That is its own one. A short code or a name says nothing of a country.
    """
    if not sender or not re.fullmatch(r"\+[1-9][0-9]{6,14}", sender):
        return None
    region = region_of(sender)
    if region is None:
        return None
    return _NEIGHBOURS if region in _NEIGHBOURS else frozenset({region})


def is_region(text: str) -> bool:
    """Whether this is a country that has phone numbers."""
    return _REGION.fullmatch(text) is not None and text in phonenumbers.SUPPORTED_REGIONS


def is_prefix(text: str) -> bool:
    """Whether numbers can begin with this: + and digits."""
    return _PREFIX.fullmatch(text) is not None
