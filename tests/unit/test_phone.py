"""What people write as a phone number, and what becomes of it."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from messaging.domain.phone import mask, normalise
from messaging.errors import Refused


@pytest.mark.parametrize(
    "raw, region, expected",
    [
        ("+14155552671", None, "+14155552671"),
        ("  +1 (415) 555-2671 ", None, "+14155552671"),
        ("(+1) 415.555.2671", None, "+14155552671"),
        ("tel:+1-415-555-2671", None, "+14155552671"),
        ("\u202a+1 415\u2011555\u20132671\u202c", None, "+14155552671"),
        ("+1\u00a0415\u00a0555\u00a02671", None, "+14155552671"),
        ("+１４１５５５５２６７１", None, "+14155552671"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("011 44 20 7946 0018", "US", "+442079460018"),
        ("+44 (0)20 7946 0018", None, "+442079460018"),
        ("0151/12345678", "DE", "+4915112345678"),
        ("+39 06 6982 0000", None, "+390669820000"),
        ("+61 491 570 156", "US", "+61491570156"),
    ],
)
def test_a_number_becomes_e164_however_it_is_written(
    raw: str, region: str | None, expected: str
) -> None:
    assert expected == normalise(raw, region)


@pytest.mark.parametrize("last", range(10))
def test_twilios_magic_numbers_pass(last: int) -> None:
    assert f"+1500555000{last}" == normalise(f"+1500555000{last}", None)


@pytest.mark.parametrize("phone", ["+12125550100", "+15555550142", "+14155550199", "+15005550123"])
def test_numbers_for_fiction_pass(phone: str) -> None:
    assert phone == normalise(phone, None)


@pytest.mark.parametrize(
    "raw, region, expected",
    [
        ("", None, "The phone number is empty: give one such as +14155552671."),
        (" \u200b ", None, "The phone number is empty: give one such as +14155552671."),
        (
            "call me",
            None,
            "The phone number has letters in it: write digits only, such as +14155552671.",
        ),
        (
            "1-800-FLOWERS",
            "US",
            "The phone number has letters in it: write digits only, such as +14155552671.",
        ),
        (
            "whatsapp:+14155552671",
            None,
            "The phone number has letters in it: write digits only, such as +14155552671.",
        ),
        (
            "+1415555*2671",
            None,
            "The phone number has signs that do not belong there: write it as +14155552671.",
        ),
        (
            "+14155552671+14155552672",
            None,
            "The phone number has signs that do not belong there: write it as +14155552671.",
        ),
        (
            "+14155552671 ext. 5",
            None,
            "The phone number has an extension, which a text cannot reach: leave the extension"
            " out.",
        ),
        (
            "+14155552671;ext=5",
            None,
            "The phone number has an extension, which a text cannot reach: leave the extension"
            " out.",
        ),
        (
            "415 555 2671",
            None,
            "The phone number 415*****71 does not begin with + and a country code: write it as"
            " +14155552671, or set MESSAGING_DEFAULT_REGION.",
        ),
        (
            "415 555 2671",
            "XX",
            "The default region 'XX' is no country that has phone numbers: set"
            " MESSAGING_DEFAULT_REGION to a code such as US, GB or DE.",
        ),
        (
            "+999123456789",
            None,
            "The phone number +9991*****89 begins with a country code that does not exist: write"
            " it as +14155552671.",
        ),
        ("+1", None, "The phone number ***** has too few digits: write it as +14155552671."),
        ("+1415555", None, "The phone number +*****55 has too few digits: check it."),
        ("5552671", "US", "The phone number +1*****71 lacks its area code: check it."),
        ("+1415555267123", None, "The phone number +1415*****23 has too many digits: check it."),
        (
            "+" + "1" * 300,
            None,
            "The phone number +1111*****11 has too many digits: write it as +14155552671.",
        ),
        (
            " " * 5_000_000 + "+14155552671",
            None,
            "The phone number has 5,000,012 characters, which no number has: write it as"
            " +14155552671.",
        ),
        (
            "+15551234567",
            None,
            "The phone number +1555*****67 is in no range that is in use in its country (+1):"
            " check it.",
        ),
        (
            "---",
            None,
            "The phone number has signs that do not belong there: write it as +14155552671.",
        ),
        (
            "+15555550200",
            None,
            "The phone number +1555*****00 is in no range that is in use in its country (+1):"
            " check it.",
        ),
    ],
)
def test_a_wrong_number_is_refused_with_what_to_do(
    raw: str, region: str | None, expected: str
) -> None:
    with pytest.raises(Refused) as refusal:
        normalise(raw, region)
    assert expected == str(refusal.value)


@pytest.mark.parametrize(
    "phone, expected",
    [
        ("+15551234567", "+1555*****67"),
        ("+447700900123", "+4477*****23"),
        ("+4930123", "+*****23"),
        ("+290123456", "+29*****56"),
        ("+123", "*****"),
        ("", "*****"),
    ],
)
def test_a_masked_number_hides_at_least_five_characters(phone: str, expected: str) -> None:
    assert expected == mask(phone)


@given(st.text(max_size=40), st.sampled_from([None, "US", "DE"]))
def test_any_text_is_a_number_or_is_refused(raw: str, region: str | None) -> None:
    try:
        phone = normalise(raw, region)
    except Refused:
        return
    assert phone == normalise(phone, None)


@given(st.from_regex(r"\+?[0-9 ()-]{7,20}", fullmatch=True))
def test_a_refusal_never_shows_the_whole_number(raw: str) -> None:
    digits = "".join(character for character in raw if character.isdigit())
    assume(len(digits) > 6)
    assert digits not in _refusal(raw)


def _refusal(raw: str) -> str:
    try:
        normalise(raw, None)
    except Refused as refusal:
        return str(refusal)
    return ""
