"""Twilio's error codes as data."""

from pathlib import Path

import pytest

from messaging.domain.answers import Fault
from messaging.twilio import code_table
from messaging.twilio.codes import (
    CODES,
    DAILY_WAIT,
    Code,
    carrier_wait,
    explain,
    page,
    takes_no_texts,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "twilio-errors.md"
GROUPS = (
    code_table.MESSAGE,
    code_table.CONFIGURATION,
    code_table.BACK_PRESSURE,
    code_table.PASSING,
    code_table.FINAL,
)


def row(code: Code) -> str:
    return f"| [{code.number}]({page(code.number)}) | {code.meaning} |"


def test_no_code_is_in_two_groups() -> None:
    numbers = [number for group in GROUPS for number in group]
    assert sorted(set(numbers)) == sorted(numbers)
    assert sorted(numbers) == sorted(CODES)


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: str(code.number))
def test_every_code_has_a_sentence_for_a_person(code: Code) -> None:
    assert code.meaning == code.meaning.strip()
    assert code.meaning[0].isupper() or code.meaning.startswith("ten")
    assert code.meaning.endswith(".")
    assert code.meaning == explain(code.number)


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: str(code.number))
def test_what_follows_from_a_code_is_consistent(code: Code) -> None:
    waits = code.fault is not Fault.MESSAGE
    assert waits == (code.wait is not None)
    assert not (code.retry_allowed and code.permanent)
    assert not code.dead_number or code.permanent
    assert code.alert or code.fault is not Fault.CONFIGURATION


@pytest.mark.parametrize(
    "number, fault, retry_allowed, permanent, dead_number",
    [
        (21211, Fault.MESSAGE, False, True, False),
        (21610, Fault.MESSAGE, False, True, False),
        (20003, Fault.CONFIGURATION, False, False, False),
        (30034, Fault.CONFIGURATION, False, False, False),
        (21611, Fault.BACK_PRESSURE, True, False, False),
        (30003, Fault.MESSAGE, True, False, False),
        (30007, Fault.MESSAGE, False, True, False),
        (30005, Fault.MESSAGE, False, True, True),
    ],
)
def test_a_code_says_what_follows(
    number: int, fault: Fault, retry_allowed: bool, permanent: bool, dead_number: bool
) -> None:
    code = CODES[number]
    expected = (fault, retry_allowed, permanent, dead_number)
    assert expected == (code.fault, code.retry_allowed, code.permanent, code.dead_number)


def test_only_stop_tells_of_an_opt_out() -> None:
    assert [code.number for code in CODES.values() if code.opt_out] == [21610]


def test_daily_limits_wait_longest() -> None:
    daily = {code.number for code in CODES.values() if code.wait == DAILY_WAIT}
    assert daily == {30023, 30027, 63038}


def test_an_unknown_code_is_explained_as_unknown() -> None:
    assert "99999" in explain(99999)


def test_the_reference_page_lists_every_code_and_nothing_else() -> None:
    listed = [line for line in REFERENCE.read_text().splitlines() if line.startswith("| [")]
    assert [row(code) for code in CODES.values()] == listed


@pytest.mark.parametrize("code", [*CODES, 99_999, None])
def test_what_a_callback_with_a_code_leads_to(code: int | None) -> None:
    passing = code in code_table.PASSING or code in code_table.BACK_PRESSURE
    assert passing is (carrier_wait(code) is not None)
    assert (code in code_table.DEAD) is takes_no_texts(code)


@pytest.mark.parametrize(
    ("code", "again", "dead"),
    [
        (30001, True, False),
        (30002, False, False),
        (30003, True, False),
        (30004, False, True),
        (30005, False, True),
        (30006, False, True),
        (30007, False, False),
        (30008, True, False),
        (30017, True, False),
        (30036, True, False),
        (30410, True, False),
        (21610, False, False),
    ],
)
def test_what_carriers_report_leads_to_this(code: int, again: bool, dead: bool) -> None:
    assert (again, dead) == (carrier_wait(code) is not None, takes_no_texts(code))


def test_what_is_our_configurations_is_the_accounts_or_the_senders_or_a_recipients() -> None:
    sets = (
        code_table.OF_THE_ACCOUNT,
        code_table.OF_THE_SENDER - code_table.OF_THE_RECIPIENT,
        code_table.OF_THE_RECIPIENT,
    )
    assert sorted(code_table.CONFIGURATION) == sorted(code for codes in sets for code in codes)
    assert {20003, 20005} <= code_table.OF_THE_ACCOUNT
    assert {21606, 21659, 21660} <= code_table.OF_THE_SENDER
