"""Where texts may go: countries, prefixes, and what a sender's number says of it."""

import pytest

from messaging.bounds import together
from messaging.domain.destinations import ANYWHERE, Destinations, home_of, region_of
from messaging.domain.draft import Draft, prepare
from messaging.domain.job import Phone
from messaging.errors import Misconfigured, Refused
from messaging.settings import Settings, load

BERLIN, BOSTON, TORONTO, KINGSTON = "+4930123456", "+16175550100", "+14165550100", "+18765550100"
NORTH = Destinations(countries=frozenset({"US", "CA"}), blocked=("+1900",))


def settings(**environment: str) -> Settings:
    return load({"DATABASE_URL": "postgresql://localhost/x", **environment})


@pytest.mark.parametrize(
    ("phone", "region"),
    [
        (BERLIN, "DE"),
        (BOSTON, "US"),
        (TORONTO, "CA"),
        (KINGSTON, "JM"),
        ("+15005550006", "US"),
        ("+18005550199", "US"),
        ("+447781123456", "GG"),
        ("+77011234567", "KZ"),
        ("+88216123456", None),
    ],
)
def test_the_country_of_a_number(phone: str, region: str | None) -> None:
    assert region == region_of(phone)


@pytest.mark.parametrize("phone", [BOSTON, TORONTO])
def test_a_number_of_an_allowed_country_may_be_texted(phone: str) -> None:
    assert NORTH.why_not(Phone(phone)) is None


@pytest.mark.parametrize(
    ("phone", "words"),
    [
        (KINGSTON, "one of JM, where no texts may go: add that country to MESSAGING_COUNTRIES"),
        ("+88216123456", "one of no country"),
        ("+19005550100", "begins with +1900, which is blocked"),
    ],
)
def test_a_number_that_may_not_be_texted_is_told_why_and_what_to_do(phone: str, words: str) -> None:
    why_not = NORTH.why_not(Phone(phone))
    assert why_not is not None
    assert words in why_not
    assert phone not in why_not


def test_everything_is_allowed_where_nothing_is_said() -> None:
    assert ANYWHERE.why_not(Phone(KINGSTON)) is None


@pytest.mark.parametrize(
    ("sender", "home"),
    [
        (BERLIN, {"DE"}),
        (BOSTON, {"US", "CA"}),
        (TORONTO, {"US", "CA"}),
        ("12345", None),
        ("ACME", None),
        (None, None),
    ],
)
def test_the_country_of_a_sender(sender: str | None, home: set[str] | None) -> None:
    assert home == home_of(sender)


@pytest.mark.parametrize(
    ("environment", "rules", "countries"),
    [
        ({}, [], None),
        ({"TWILIO_FROM": BERLIN}, [], {"DE"}),
        ({"TWILIO_FROM": BERLIN, "MESSAGING_COUNTRIES": "fr, CH"}, [], {"FR", "CH"}),
        ({"TWILIO_FROM": BERLIN}, [("allow", "AT")], {"AT"}),
        ({"MESSAGING_COUNTRIES": "FR"}, [("allow", "AT")], {"FR", "AT"}),
        ({"TWILIO_FROM": BERLIN}, [("allow", "*")], None),
        ({"TWILIO_FROM": BERLIN, "MESSAGING_COUNTRIES": "*"}, [], None),
        ({"TWILIO_FROM": BERLIN, "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32}, [], None),
    ],
)
def test_settings_and_table_together_else_the_senders_own_country(
    environment: dict[str, str], rules: list[tuple[str, str]], countries: set[str] | None
) -> None:
    assert countries == together(settings(**environment), rules).countries


def test_prefixes_of_settings_and_table_are_blocked() -> None:
    found = together(settings(MESSAGING_BLOCKED_PREFIXES="+882, +8816"), [("block", "+1900")])
    assert ("+1900", "+8816", "+882") == found.blocked


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"MESSAGING_COUNTRIES": "US,XX"}, "'XX' is no country"),
        ({"MESSAGING_BLOCKED_PREFIXES": "900"}, "'900' is nothing that numbers begin with"),
        ({"MESSAGING_CAP_USD_DAY": "0"}, "MESSAGING_CAP_USD_DAY"),
        ({"MESSAGING_CAP_MESSAGES_HOUR": "many"}, "MESSAGING_CAP_MESSAGES_HOUR"),
    ],
)
def test_settings_that_say_nothing_sensible_are_refused(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(Misconfigured, match=words):
        settings(**environment)


def test_a_draft_to_a_forbidden_number_is_refused() -> None:
    with pytest.raises(Refused, match="where no texts may go"):
        prepare(Draft(to=KINGSTON, body="Hello"), None, None, NORTH)
