"""Numbering plans: which numbers in E.164 are in use, and in which country, quickly.

`phonenumbers` reads whatever people write. This asks the same patterns of the same tables, compiled
once, and only of a number that is written as it should be.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.phonemetadata import PhoneNumberDesc

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LONGEST_CODE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """National numbers of one kind."""

    lengths: frozenset[int]
    pattern: re.Pattern[str]

    def has(self, national: str) -> bool:
        return len(national) in self.lengths and self.pattern.fullmatch(national) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    """A country; `leading` is what its numbers begin with where a calling code has several."""

    name: str
    leading: re.Pattern[str] | None
    all_kinds: _Range
    kinds: tuple[_Range, ...]

    def has(self, national: str) -> bool:
        return self.all_kinds.has(national) and any(kind.has(national) for kind in self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """All countries of a calling code, in the order in which they are asked."""

    prefix: re.Pattern[str] | None
    """What is dialled before a national number, and is no part of it."""
    regions: tuple[_Region, ...]

    def is_plain(self, national: str) -> bool:
        """Whether nothing that is only dialled could be part of this number."""
        return national[:1] != "0" and not (self.prefix and self.prefix.match(national))

    def region(self, national: str) -> str | None:
        """The country, as `phonenumbers.region_code_for_number` finds it."""
        if len(self.regions) == 1:
            return self.regions[0].name
        for region in self.regions:
            if region.leading.match(national) if region.leading else region.has(national):
                return region.name
        return None

    def has(self, national: str) -> bool:
        if not self.is_plain(national):
            return False
        for region in self.regions:
            if region.leading is None:
                if region.has(national):
                    return True
            elif region.leading.match(national):
                return region.has(national)
        return False


def is_in_use(phone: str) -> bool:
    """Whether `phone` is E.164, valid, and what `phonenumbers.parse` makes of it in any region.

    False proves nothing: a national number that begins with 0, or as what is dialled before one,
    may be valid and is not judged here.
    """
    if not _E164.fullmatch(phone):
        return False
    for end in range(2, _LONGEST_CODE + 2):
        if plan := _plan(phone[1:end]):
            return plan.has(phone[end:])
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Countries as in ISO 3166: the one whose number it is, None where no country uses it, and the
    first one of its calling code."""

    region: str | None
    of_code: str


@lru_cache(maxsize=16_384)
def home_of(phone: str) -> Home | None:
    """Whose a number in E.164 is; None proves nothing, as above."""
    if not _E164.fullmatch(phone):
        return None
    for end in range(2, _LONGEST_CODE + 2):
        if plan := _plan(phone[1:end]):
            if not plan.is_plain(phone[end:]):
                return None
            return Home(region=plan.region(phone[end:]), of_code=plan.regions[0].name)
    return None


@cache
def _plan(code: str) -> _Plan | None:
    """The plan of a calling code, or None where there is none; no code begins with another."""
    number = int(code)
    regions = COUNTRY_CODE_TO_REGION_CODE.get(number, ())
    found = [PhoneMetadata.metadata_for_region_or_calling_code(number, name) for name in regions]
    tables = [table for table in found if table is not None]
    if not tables:
        return None
    prefix = tables[0].national_prefix_for_parsing
    return _Plan(
        prefix=re.compile(prefix) if prefix else None,
        regions=tuple(_region(table, alone=len(regions) == 1) for table in tables),
    )


def _region(table: PhoneMetadata, *, alone: bool) -> _Region:
    kinds = (
        table.mobile, table.fixed_line, table.toll_free, table.voip, table.premium_rate,
        table.shared_cost, table.personal_number, table.pager, table.uan, table.voicemail,
    )  # fmt: skip
    return _Region(
        name=str(table.id),
        leading=re.compile(table.leading_digits) if table.leading_digits and not alone else None,
        all_kinds=_range(table.general_desc) or _NONE,
        kinds=tuple(dict.fromkeys(filter(None, map(_range, kinds)))),
    )


_NONE = _Range(lengths=frozenset(), pattern=re.compile(""))


def _range(kind: PhoneNumberDesc | None) -> _Range | None:
    if kind is None or not kind.national_number_pattern:
        return None
    lengths = frozenset(kind.possible_length or range(18))
    return _Range(lengths=lengths, pattern=re.compile(kind.national_number_pattern))
