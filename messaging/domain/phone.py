"""Phone numbers: E.164 from what people write, and the masked form that may be shown.

Two ranges pass although no operator has given them out, because tests and demos live on them:
Twilio's magic numbers, +15005550000 to +15005550009 (Twilio docs, "Test credentials"), and the
North American numbers for fiction, +1 NXX 555 0100 to 0199 (ATIS-0300115).
"""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, ValidationResult

from messaging.domain.job import Phone
from messaging.domain.numbering import is_in_use
from messaging.errors import Refused

EXAMPLE = "+14155552671"
"""A number in the form that we want; error sentences show it."""

_WRITTEN = re.compile(r"[\s(]*\+?[\s()./\-\u2010-\u2015\u2212]*\d[\d\s()./\-\u2010-\u2015\u2212]*")
LONGEST_WRITTEN = 500
"""Characters that are read: no number is that long, however it is written."""
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF])
"""Marks that address books put around a copied number."""
_ALLOWED_UNASSIGNED = re.compile(r"\+1(?:500555000\d|[2-9]\d\d55501\d\d)", re.ASCII)
_WRONG_LENGTH = {
    ValidationResult.TOO_SHORT: "has too few digits",
    ValidationResult.TOO_LONG: "has too many digits",
    ValidationResult.INVALID_LENGTH: "has a length that no number of its country has",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code",
}
_UNREADABLE = {
    NumberParseException.INVALID_COUNTRY_CODE: "begins with a country code that does not exist",
    NumberParseException.TOO_SHORT_AFTER_IDD: "has too few digits",
    NumberParseException.TOO_SHORT_NSN: "has too few digits",
    NumberParseException.TOO_LONG: "has too many digits",
    NumberParseException.NOT_A_NUMBER: "has too few digits",
}


def normalise(raw: str, default_region: str | None) -> Phone:
    """The number in E.164, e.g. `+14155552671`, checked against the numbering plans.

    `default_region` (ISO 3166, `US`) is the country of numbers written without `+`. Raises
    Refused with what is wrong and what to do; the sentence shows the number masked, if at all.
    """
    if len(raw) > LONGEST_WRITTEN:
        raise Refused(
            f"The phone number has {len(raw):,} characters, which no number has: "
            f"write it as {EXAMPLE}."
        )
    if is_in_use(raw) or _ALLOWED_UNASSIGNED.fullmatch(raw):
        return Phone(raw)
    written = raw.translate(_INVISIBLE).strip().removeprefix("tel:")
    _check_characters(written)
    if "+" not in written:
        _check_region(written, default_region)
    number = _parse(written, default_region)
    phone = f"+{number.country_code}{phonenumbers.national_significant_number(number)}"
    if not (phonenumbers.is_valid_number(number) or _ALLOWED_UNASSIGNED.fullmatch(phone)):
        raise Refused(_why_invalid(phone, number))
    return Phone(phone)


def mask(phone: str) -> str:
    """The number as logs and errors may show it: `+15551234567` becomes `+1555*****67`.

    The stars stand for at least five characters, however many those are.
    """
    if len(phone) < 8:
        return "*****"
    return f"{phone[: min(5, len(phone) - 7)]}*****{phone[-2:]}"


def _check_characters(written: str) -> None:
    if not written:
        raise Refused(f"The phone number is empty: give one such as {EXAMPLE}.")
    if _WRITTEN.fullmatch(written):
        return
    if _has_extension(written):
        raise Refused(
            "The phone number has an extension, which a text cannot reach: leave the extension out."
        )
    if any(character.isalpha() for character in written):
        raise Refused(f"The phone number has letters in it: write digits only, such as {EXAMPLE}.")
    raise Refused(f"The phone number has signs that do not belong there: write it as {EXAMPLE}.")


def _check_region(written: str, default_region: str | None) -> None:
    if default_region is None:
        raise Refused(
            f"The phone number {_masked(written)} does not begin with + and a country code: "
            f"write it as {EXAMPLE}, or set MESSAGING_DEFAULT_REGION."
        )
    if default_region not in phonenumbers.SUPPORTED_REGIONS:
        raise Refused(
            f"The default region {default_region[:8]!r} is no country that has phone numbers: "
            "set MESSAGING_DEFAULT_REGION to a code such as US, GB or DE."
        )


def _parse(written: str, default_region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(written, default_region)
    except NumberParseException as error:
        reason = _UNREADABLE[error.error_type]
    raise Refused(f"The phone number {_masked(written)} {reason}: write it as {EXAMPLE}.")


def _why_invalid(phone: str, number: PhoneNumber) -> str:
    length = phonenumbers.is_possible_number_with_reason(number)
    if length in _WRONG_LENGTH:
        return f"The phone number {mask(phone)} {_WRONG_LENGTH[length]}: check it."
    return (
        f"The phone number {mask(phone)} is in no range that is in use in its country "
        f"(+{number.country_code}): check it."
    )


def _has_extension(written: str) -> bool:
    try:
        return bool(phonenumbers.parse(written, "US").extension)
    except NumberParseException:
        return False


def _masked(written: str) -> str:
    digits = "".join(character for character in written if character.isdigit())
    return mask(f"+{digits}" if "+" in written else digits)
