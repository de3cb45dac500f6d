"""Erased numbers: keys, hashes, and the ways in which a number is written."""

import re

import pytest

from messaging.domain.erasure import Keyring, why_not
from messaging.domain.job import Phone
from messaging.domain.spelling import Patterns, as_stored
from messaging.errors import Misconfigured
from messaging.settings import load

ONE, TWO = "1" * 32, "2" * 32
PHONE = Phone("+14155552671")
GERMAN = Phone("+4915112345678")


def test_a_hash_depends_on_number_and_key_and_does_not_tell_either() -> None:
    keyring = Keyring.of(f"{ONE}, {TWO}")
    first, second = keyring.whoms(PHONE)
    assert 4 == len({first, second, *Keyring.of(ONE).whoms(GERMAN), keyring.keys[0].id})
    assert [first] == Keyring.of(ONE).whoms(PHONE)
    assert "4155552671" not in first
    assert ONE not in repr(keyring)


def test_the_first_key_is_the_one_that_writes_and_all_are_asked() -> None:
    assert ONE.encode() == Keyring.of(f"{ONE}\n{TWO}").keys[0].secret
    assert None is Keyring().first
    keyring = Keyring.of(ONE)
    keyring.require([keyring.keys[0].id])
    with pytest.raises(Misconfigured, match="erased with the key 0123abcd"):
        keyring.require([keyring.keys[0].id, "0123abcd"])


def test_a_key_that_could_be_found_by_trying_is_refused_and_not_told() -> None:
    with pytest.raises(Misconfigured) as refusal:
        load({"DATABASE_URL": "postgresql://x/x", "MESSAGING_ERASURE_KEY": "geheim"})
    said = str(refusal.value)
    assert (True, False) == (
        "MESSAGING_ERASURE_KEY: takes keys of at least 32" in said,
        "geheim" in said,
    )


@pytest.mark.parametrize(
    "text",
    [
        "+14155552671",
        "14155552671",
        "0014155552671",
        "(415) 555-2671",
        "call +1 415.555.2671!",
        '{"to": "+1415-555-2671"}',
        "welcome-4155552671",
    ],
)
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    assert re.search(Patterns(PHONE).anywhere, text)


@pytest.mark.parametrize(
    "text", ["+141555526710", "914155552671", "+14155552672", "415 555 267", "SM4155552", ""]
)
def test_another_number_is_not_taken_for_it(text: str) -> None:
    assert None is re.search(Patterns(PHONE).anywhere, text)


@pytest.mark.parametrize(
    ("written", "region", "expected"),
    [
        ("+49 (0)151 12345678", None, True),
        ("0049 151 12345678", None, True),
        ("0151-12345678", "DE", True),
        ("0151-12345678", "GB", False),
        ("0151-12345678", None, False),
        ("+33 4915112345678", "FR", False),
        ("+4915112345678 or +4915112345679", None, False),
    ],
)
def test_a_recipient_that_waits_is_theirs_only_if_it_is_certain(
    written: str, region: str | None, expected: bool
) -> None:
    assert expected == bool(re.search(Patterns(GERMAN).recipient(region), written))


def test_what_stands_against_it_is_told_with_what_to_do() -> None:
    said = why_not({"held": 2, "unread": 1})
    assert "2 held for a person: `messaging held`" in said
    assert "`messaging inbound list`" in said


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("+9991234567", "+999 (12) 34-567"),
        ("+9991234567", "00 999 1234567"),
        ("9991234567", "999.123.4567"),
        ("+19995550100", "+1 999 555 0100"),
        ("12345", " 12345 "),
        ("12345", '{"to": "12345", "body": "x"}'),
        ("+123456", "+123456"),
        ("whatsapp:+14155552671", '{"to": "whatsapp:+14155552671"}'),
        ('ask "Bo" (5)', 'ask "Bo" (5)'),
        ('ask "Bo" (5)', r'{"to": "ask \"Bo\" (5)"}'),
    ],
)
def test_what_is_no_number_of_any_plan_is_found_as_it_was_stored(stored: str, written: str) -> None:
    assert re.search(Patterns(Phone(stored)).anywhere, written)


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("+9991234567", "+99912345678"),
        ("12345", "+12345"),
        ("12345", "112345"),
        ("12345", "12345 is the code"),
        ("12345", '{"error_code": 12345}'),
        ("30005", "Twilio said 30005."),
        ("call me", "call me back"),
        ("a.b", "axb"),
    ],
)
def test_few_digits_and_words_are_found_only_where_they_stand_alone(
    stored: str, written: str
) -> None:
    patterns = Patterns(Phone(stored))
    assert [None, None] == [
        re.search(pattern, written) for pattern in (patterns.anywhere, patterns.recipient("US"))
    ]


@pytest.mark.parametrize(
    ("stored", "written"),
    [("+9991234567", "+999 123-4567 ext. "), ("12345", "12345"), ("call me", " call me")],
)
def test_such_a_recipient_that_waits_is_found(stored: str, written: str) -> None:
    assert re.search(Patterns(Phone(stored)).recipient("US"), written)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (" +999 (12) 34-567 ", "+9991234567"),
        ("123-45", "12345"),
        ("whatsapp:+1 415", "whatsapp:+1 415"),
        ("", ""),
    ],
)
def test_signs_between_digits_are_not_stored(written: str, stored: str) -> None:
    assert stored == as_stored(written)
