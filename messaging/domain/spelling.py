"""How a number may be written in what others have handed over, as patterns. Pure.

Postgres and Python read them alike. What is no number of any plan may be stored, too: rows that
producers insert hold what these wrote, and short codes text us.
"""

import json
import re
from dataclasses import dataclass

import phonenumbers

from messaging.domain.job import Phone
from messaging.domain.phone import normalise
from messaging.errors import Refused

_BETWEEN = r"[\s().\/\u2010-\u2015\u2212-]*"
_SHORTEST = 7
"""Digits: what is shorter stands in many texts and is no number."""
_DIGITS = re.compile(rf"\+?(?:{_BETWEEN}[0-9])+{_BETWEEN}")


def as_stored(written: str) -> Phone:
    """What is no number of any plan, as it may be stored: without signs between its digits."""
    word = written.strip()
    if not _DIGITS.fullmatch(word):
        return Phone(word)
    return Phone(word[: word.startswith("+")] + "".join(filter(str.isdigit, word)))


@dataclass(frozen=True, slots=True)
class Patterns:
    """How a number, or what stands for one, may be written."""

    phone: Phone

    def recipient(self, region: str | None) -> str:
        """A recipient that is this number; `region` is the country of those that name none."""
        if not _is_known(self.phone):
            return rf"^[^0-9+]*\+?{_dialled(self.phone)}[^0-9]*$" if self._is_long else self._alone
        home = phonenumbers.region_code_for_number(phonenumbers.parse(self.phone))
        number = _any(self.phone) if region == home else _abroad(self.phone)
        return rf"^[^0-9+]*\+?{number}[^0-9]*$"

    @property
    def anywhere(self) -> str:
        """The number in the midst of other words, also without its country.

        Few digits, and what is no number at all, only where nothing else stands beside them.
        """
        if _is_known(self.phone):
            return rf"(?<![0-9])\+?{_any(self.phone)}(?![0-9])"
        return rf"(?<![0-9])\+?{_dialled(self.phone)}(?![0-9])" if self._is_long else self._alone

    @property
    def _is_long(self) -> bool:
        digits = self.phone.removeprefix("+")
        return digits.isascii() and digits.isdigit() and len(digits) >= _SHORTEST

    @property
    def _alone(self) -> str:
        """All of a text, or all of a text within JSON."""
        forms = {self.phone, json.dumps(self.phone, ensure_ascii=False)[1:-1]}
        words = "|".join(re.escape(form) for form in sorted(forms))
        return rf'(?:^|(?<="))\s*(?:{words})\s*(?=$|")'


def _is_known(phone: Phone) -> bool:
    try:
        return normalise(phone, None) == phone
    except Refused:
        return False


def _dialled(phone: str) -> str:
    digits = phone.removeprefix("+")
    return rf"(?:(?:00|011)?{_BETWEEN}{_spread(digits)})" if digits != phone else _spread(digits)


def _abroad(phone: str) -> str:
    number = phonenumbers.parse(phone)
    country = _spread(str(number.country_code))
    inner = _spread(phonenumbers.national_significant_number(number))
    return rf"(?:(?:00|011)?{_BETWEEN}{country}{_BETWEEN}0?{_BETWEEN}{inner})"


def _any(phone: str) -> str:
    inner = phonenumbers.national_significant_number(phonenumbers.parse(phone))
    if len(inner) < _SHORTEST:
        return _abroad(phone)
    return rf"(?:{_abroad(phone)}|0?{_BETWEEN}{_spread(inner)})"


def _spread(digits: str) -> str:
    return _BETWEEN.join(digits)
