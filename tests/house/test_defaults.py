"""The defaults of settings that pages quote, in tables and in prose, are those of the program."""

import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.house.environment import groups
from tests.house.pages import Page
from tests.house.test_references import described
from tests.house.tree import expect_none

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10,
}  # fmt: skip
_SECONDS = {"s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": 86400}
_UNIT_OF_NAME = {"MINUTES": 60, "DAYS": 86400}
_QUANTITY = re.compile(
    rf"(?<![\w.,:])(\d[\d,]*(?:\.\d+)?|\b(?:{'|'.join(_NUMBERS)})\b)"
    rf"(?:[ -]({'|'.join(_SECONDS)})s?\b)?"
)
_LISTED = re.compile(r"\(((?:`[A-Z_…]+`(?:, )?)+)(?=[,;)])")
_FAR = 90
"""Characters that a default may stand before its setting, in the same sentence."""
_BEHIND = re.compile(r"`([A-Z_]+)` \((\d[^)`]*)\)|\(`([A-Z_]+)`, (\d(?! for never)[^)]*)\)")
_TABLE = re.compile(r"^\| setting \| default \|.*\n\|[-| ]+\n((?:\|.*\n)+)", re.MULTILINE)
_ROW = re.compile(r"^\| `([A-Z_]+)` \| ([^|]*?) ?\|", re.MULTILINE)


def quantities(text: str) -> list[float]:
    """The numbers in a text, in seconds where they are times."""
    return [
        float(_NUMBERS.get(number, number.replace(",", ""))) * _SECONDS.get(unit, 1)
        for number, unit in _QUANTITY.findall(text.lower())
        if unit or number[0].isdigit()
    ]


def in_prose(page: Page) -> Iterator[tuple[str, float]]:
    """Each setting that stands in brackets behind its default, or before it."""
    text = " ".join(page.text.split())
    for listed in _LISTED.finditer(text):
        before = re.split(r"[|`()]|\.(?!\d)", text[max(0, listed.start() - _FAR) : listed.start()])
        names, numbers = re.findall(r"`([A-Z_…]+)`", listed[1]), quantities(before[-1])
        if len(numbers) >= len(names):
            yield from zip(names, numbers[-len(names) :], strict=True)
    for name, value, other, following in _BEHIND.findall(text):
        yield from ((name or other, number) for number in quantities(value or following)[:1])


def in_tables(page: Page) -> Iterator[tuple[str, str]]:
    """Each setting of a table that has a column of defaults, and that column."""
    for rows in _TABLE.findall(page.text):
        yield from _ROW.findall(rows)


def wrong(page: Page) -> Iterator[str]:
    """What a page says of defaults, and the program does not."""
    for name, number in in_prose(page):
        if number not in _numbers(name):
            yield f"{page.path}: {name} is {_default(name)}, not {number:g}"
    for name, cell in in_tables(page):
        shown, default = cell.strip("`"), _default(name)
        if shown != default and not set(quantities(shown)[:1]) & _numbers(name):
            yield f"{page.path}: {name} is {default!r}, not {shown!r}"


def _default(name: str) -> str:
    """As the page of settings shows it; empty where it is unset."""
    ending = name.removeprefix("…")
    (found,) = {
        default
        for one, default in _defaults().items()
        if one == name or (name != ending and one.endswith(ending))
    }
    return found


@cache
def _defaults() -> dict[str, str]:
    return {
        name: setting.default or ""
        for settings in groups().values()
        for setting in settings
        for name in setting.names
    }


def _numbers(name: str) -> set[float]:
    """The default as a number: as it is set, and in seconds where its name has another unit."""
    try:
        plain = float(_default(name))
    except ValueError:
        return set()
    return {plain, plain * _UNIT_OF_NAME.get(name.rpartition("_")[2], 1)}


def test_every_default_that_a_page_quotes_is_the_programs() -> None:
    expect_none(finding for page in described() for finding in wrong(page))


def test_there_are_such_defaults_in_tables_and_in_prose() -> None:
    assert 10 < sum(len(list(in_prose(page))) for page in described())
    assert 20 < sum(len(list(in_tables(page))) for page in described())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It waits two minutes (`MESSAGING_HURRY_WITHIN`).", 0),
        ("It waits three minutes (`MESSAGING_HURRY_WITHIN`).", 1),
        ("It is spared for 30 days (`MESSAGING_DEAD_NUMBER_DAYS`; 0: none is).", 0),
        ("It is spared for 20 days (`MESSAGING_DEAD_NUMBER_DAYS`; 0: none is).", 1),
        ("It is silent for 1.5 s (`MESSAGING_BREAKER_SILENCE`), at most ten.", 0),
        ("First 5 s, then 30 s (`MESSAGING_BREAKER_FIRST_WAIT`, `…_LONGEST_WAIT`).", 0),
        ("First 5 s, then 40 s (`MESSAGING_BREAKER_FIRST_WAIT`, `…_LONGEST_WAIT`).", 1),
        ("Requests that are open (`MESSAGING_IN_FLIGHT`, 1000).", 0),
        ("Requests that are open (`MESSAGING_IN_FLIGHT`, 400).", 1),
        ("`MESSAGING_KEEP_PROCESSES_DAYS` (20)", 1),
        ("| setting | default |\n|---|---|\n| `MESSAGING_CHUNK` | 400 |\n", 0),
        ("| setting | default |\n|---|---|\n| `MESSAGING_CHUNK` | `50` | few |\n", 1),
        ("| setting | default |\n|---|---|\n| `MESSAGING_TIME_ZONE` | `UTC` | few |\n", 0),
        ("| setting | default |\n|---|---|\n| `MESSAGING_TIME_ZONE` | `GMT` | few |\n", 1),
    ],
)
def test_a_default_that_is_another_one_is_found(text: str, expected: int) -> None:
    assert expected == len(list(wrong(Page(path="a.md", text=text))))
