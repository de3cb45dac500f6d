"""The processes of pytest get the tests in lots that are right, and the long ones first."""

import re

import pytest

from tests.house.tree import ROOT, expect_none
from tests.lots import OTHERS, PROCESSES, STACKS, longest, lot_of

_WANTED = re.compile(rf"\b({'|'.join(STACKS)}): Stack")


def test_tests_that_share_a_stack_are_in_its_lot() -> None:
    files = sorted((ROOT / "tests/acceptance").glob("test_*.py"))
    expect_none(
        f"{file.name} wants {stack}: name it there in tests/lots.py"
        for file in files
        for stack in set(_WANTED.findall(file.read_text()))
        if stack != lot_of(f"tests/acceptance/{file.name}::test")
    )


def test_every_lot_that_is_named_is_there() -> None:
    named = [lot for lot in (*PROCESSES, *OTHERS) if lot not in STACKS and lot != "crash"]
    named += [f"tests/acceptance/{file}.py" for files in STACKS.values() for file in files]
    expect_none(f"{file} is not there any more" for file in named if not (ROOT / file).exists())


def test_a_folder_whose_tests_share_everything_is_one_lot() -> None:
    assert "crash" == lot_of("tests/crash/test_frozen.py::test_it[a]")
    assert "tests/unit/test_phone.py" == lot_of("tests/unit/test_phone.py::test_it[a::b]")


@pytest.mark.parametrize(
    ("waiting", "elsewhere", "expected"),
    [
        ({"small": 3, "crash": 1, "calm": 40}, set(), "crash"),
        ({"small": 3, "calm": 40}, {"crash", "large"}, "calm"),
        ({"small": 3, "large": 700, "calm": 40}, {"crash", "fragile"}, "large"),
        ({"small": 3, "native": 5}, {"crash", "calm"}, "small"),
        ({"native": 5}, {"crash", "calm"}, "native"),
    ],
    ids=[
        "the longest",
        "a second one with processes",
        "not a third one with processes",
        "rather a short one than a third one with processes",
        "a third one where nothing else is left",
    ],
)
def test_the_longest_lot_comes_next_and_few_start_processes_at_a_time(
    waiting: dict[str, int], elsewhere: set[str], expected: str
) -> None:
    assert expected == longest(waiting, elsewhere)
