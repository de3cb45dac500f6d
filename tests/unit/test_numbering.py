"""A number that may stay as it is: never another answer than that of `phonenumbers` itself."""

from collections.abc import Iterator
from random import Random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, timezone

from messaging.domain.numbering import home_of, is_in_use, zones_of

KINDS = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip",
    "pager", "uan", "voicemail",
)  # fmt: skip
CODES = sorted(COUNTRY_CODE_TO_REGION_CODE)


def by_the_package(phone: str, region: str | None = None) -> str | None:
    """What `phonenumbers` makes of it, or None where that is no valid number."""
    try:
        number = phonenumbers.parse(phone, region)
    except NumberParseException:
        return None
    written = f"+{number.country_code}{phonenumbers.national_significant_number(number)}"
    return written if phonenumbers.is_valid_number(number) else None


def examples() -> Iterator[str]:
    """A number of each kind of each country, as its numbering plan gives it."""
    for code in CODES:
        for region in COUNTRY_CODE_TO_REGION_CODE[code]:
            table = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
            for kind in (getattr(table, name) for name in KINDS):
                if kind is not None and kind.example_number:
                    yield f"+{code}{kind.example_number}"


def test_a_yes_is_the_packages_own_for_numbers_of_every_country_and_their_neighbours() -> None:
    dice = Random(1)
    told = dict.fromkeys((True, False), 0)
    for example in examples():
        for phone in [example, *(neighbour(example, dice) for _ in range(20))]:
            told[is_in_use(phone)] += 1
            assert not is_in_use(phone) or phone == by_the_package(phone)
    assert min(told.values()) > 3000


def test_the_country_is_the_packages_own_for_numbers_of_all_and_their_neighbours() -> None:
    dice = Random(2)
    told = dict.fromkeys(("judged", "no country's", "not judged"), 0)
    for example in examples():
        for phone in [example, *(neighbour(example, dice) for _ in range(10))]:
            home = home_of(phone)
            if home is None:
                told["not judged"] += 1
                continue
            told["judged" if home.region else "no country's"] += 1
            number = phonenumbers.parse(phone)
            assert home.region == phonenumbers.region_code_for_number(number)
            assert home.of_code == COUNTRY_CODE_TO_REGION_CODE[number.country_code or 0][0]
    assert min(told.values()) > 500
    assert told["judged"] > 5000


def test_the_time_zones_are_the_packages_own_for_numbers_of_all_and_their_neighbours() -> None:
    dice = Random(3)
    told = dict.fromkeys(("some", "none", "not judged"), 0)
    for example in examples():
        for phone in [example, *(neighbour(example, dice) for _ in range(10))]:
            zones = zones_of(phone)
            if zones is None:
                told["not judged"] += 1
                continue
            told["some" if zones else "none"] += 1
            found = timezone.time_zones_for_number(phonenumbers.parse(phone))
            assert zones == tuple(name for name in found if name != timezone.UNKNOWN_TIMEZONE)
    assert min(told.values()) > 500
    assert told["some"] > 5000


def neighbour(phone: str, dice: Random) -> str:
    """The same with a digit changed, left out or added."""
    at = dice.randrange(1, len(phone))
    end = dice.choice((at, at + 1))
    digit: str = dice.choice(("", *"0123456789"))
    return phone[:at] + digit + phone[end:]


def test_nearly_every_valid_number_is_known() -> None:
    phones = list(examples())
    unknown = {phone for phone in phones if not is_in_use(phone)}
    assert len(unknown) < len(phones) / 10
    assert "+14155552671" not in unknown


@given(
    code=st.sampled_from(CODES),
    national=st.text("0123456789", min_size=1, max_size=15),
    region=st.sampled_from([None, "US", "GB", "DE", "CA", "IT", "XX"]),
)
def test_a_yes_is_the_packages_own_for_any_digits_and_any_region(
    code: int, national: str, region: str | None
) -> None:
    phone = f"+{code}{national}"
    assert not is_in_use(phone) or phone == by_the_package(phone, region)


@pytest.mark.parametrize(
    "phone",
    [
        "", "+", "14155552671", "+1 4155552671", "+14155552671\n", "+１４１５５５５２６７１",
        "+04155552671", "+9991234567", "+1", "+141555526710000",
    ],
)  # fmt: skip
def test_what_is_not_written_as_e164_is_not_judged(phone: str) -> None:
    assert not is_in_use(phone)
