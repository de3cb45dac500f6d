"""Numbering plans: which numbers in E.164 are in use, and in which country, quickly.

`phonenumbers` reads whatever people write. This asks the same patterns of the same tables, compiled
once, and only of a number that is written as it should be.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.phonemetadata import PhoneNumberDesc
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LONGEST_CODE = 3
_MOBILE_BY_PLACE = frozenset({52, 54, 55, 62, 86})
"""Calling codes whose mobile numbers tell a place, as landlines do (`phonenumbers`, from the plans
of Mexico, Argentina, Brazil, Indonesia and China)."""


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
    placeless: tuple[_Range, ...]
    placed: tuple[_Range, ...]

    def has(self, national: str) -> bool:
        return self.all_kinds.has(national) and any(kind.has(national) for kind in self.kinds)

    def is_placed(self, national: str) -> bool:
        """Whether the number's first digits tell a place within the country."""
        if any(kind.has(national) for kind in self.placeless):
            return False
        return any(kind.has(national) for kind in self.placed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """All countries of a calling code, in the order in which they are asked."""

    prefix: re.Pattern[str] | None
    """What is dialled before a national number, and is no part of it."""
    regions: tuple[_Region, ...]

    def is_plain(self, national: str) -> bool:
        """Whether nothing that is only dialled could be part of this number."""
        return national[:1] != "0" and not (self.prefix and self.prefix.match(national))

    def region(self, national: str) -> _Region | None:
        """The country, as `phonenumbers.region_code_for_number` finds it."""
        if len(self.regions) == 1:
            return self.regions[0]
        for region in self.regions:
            if region.leading.match(national) if region.leading else region.has(national):
                return region
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
    plan, national = _plan_of(phone)
    return plan is not None and plan.has(national)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Countries as in ISO 3166: the one whose number it is, None where no country uses it, and the
    first one of its calling code."""

    region: str | None
    of_code: str


@lru_cache(maxsize=16_384)
def home_of(phone: str) -> Home | None:
    """Whose a number in E.164 is; None proves nothing, as above."""
    plan, national = _plan_of(phone)
    if plan is None or not plan.is_plain(national):
        return None
    region = plan.region(national)
    return Home(region=region.name if region else None, of_code=plan.regions[0].name)


def zones_of(phone: str) -> tuple[str, ...] | None:
    """The names of the time zones that a number in E.164 may be in, as
    `phonenumbers.timezone.time_zones_for_number` finds them; None proves nothing, as above.
    """
    plan, national = _plan_of(phone)
    if plan is None or not plan.is_plain(national):
        return None
    region = plan.region(national)
    if region is None or not region.has(national):
        return ()
    # Where it tells no place, it is any of its country: of all that share its calling code.
    written = phone[1:] if region.is_placed(national) else phone[1 : -len(national)]
    for end in range(min(TIMEZONE_LONGEST_PREFIX, len(written)), 0, -1):
        if zones := TIMEZONE_DATA.get(written[:end]):
            return zones
    return ()


def _plan_of(phone: str) -> tuple[_Plan | None, str]:
    """The plan that a number in E.164 is in, and what follows its calling code."""
    if _E164.fullmatch(phone):
        for end in range(2, _LONGEST_CODE + 2):
            if plan := _plan(phone[1:end]):
                return plan, phone[end:]
    return None, ""


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
        regions=tuple(
            _region(table, alone=len(regions) == 1, tells_mobile=number in _MOBILE_BY_PLACE)
            for table in tables
        ),
    )


def _region(table: PhoneMetadata, *, alone: bool, tells_mobile: bool) -> _Region:
    placeless = _ranges(
        table.toll_free, table.voip, table.premium_rate, table.shared_cost, table.personal_number,
        table.pager, table.uan, table.voicemail,
    )  # fmt: skip
    fixed, mobile = _ranges(table.fixed_line), _ranges(table.mobile)
    return _Region(
        name=str(table.id),
        leading=re.compile(table.leading_digits) if table.leading_digits and not alone else None,
        all_kinds=_range(table.general_desc) or _NONE,
        kinds=tuple(dict.fromkeys(mobile + fixed + placeless)),
        placeless=placeless,
        placed=tuple(dict.fromkeys(fixed + mobile)) if tells_mobile else fixed,
    )


_NONE = _Range(lengths=frozenset(), pattern=re.compile(""))


def _ranges(*kinds: PhoneNumberDesc | None) -> tuple[_Range, ...]:
    return tuple(filter(None, map(_range, kinds)))


def _range(kind: PhoneNumberDesc | None) -> _Range | None:
    if kind is None or not kind.national_number_pattern:
        return None
    lengths = frozenset(kind.possible_length or range(18))
    return _Range(lengths=lengths, pattern=re.compile(kind.national_number_pattern))
