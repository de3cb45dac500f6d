"""Words that must not be in any file: notes to oneself, places on one machine."""

import re

import pytest

from tests.house.tree import expect_none, files, shown

TEXT = (
    ".py", ".md", ".sql", ".lua", ".toml", ".yml", ".yaml", ".html", ".css", ".js", ".sh", ".txt",
    "Makefile", "Procfile", "Dockerfile", ".dockerignore", ".gitignore", ".env.example", "run",
    "set-up", "LICENSE",
)  # fmt: skip

LEFT_OVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
SOME_MACHINE = re.compile(r"(?<![\w.$}>])/(?:ro" + r"ot|ho" + r"me|Us" + r"ers|wo" + r"rk)/\w+")
REGISTRY = re.compile(r"\b(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org)\b")
PICTURE = re.compile("[\U0001f300-\U0001faff]")


def found(pattern: re.Pattern[str], *endings: str) -> list[str]:
    """Path, line and match, wherever a file holds the pattern."""
    return [
        f"{shown(path)}:{number} {match[0]}"
        for path in files(*endings)
        if path.name != "test_words.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (match := pattern.search(line))
    ]


@pytest.mark.parametrize(
    "pattern",
    [LEFT_OVER, SOME_MACHINE, REGISTRY],
    ids=["left_over", "some_machine", "registry"],
)
def test_no_file_holds_a_left_over_or_a_place_on_some_machine(pattern: re.Pattern[str]) -> None:
    expect_none(found(pattern, *TEXT))


def test_pages_need_no_emoji() -> None:
    expect_none(found(PICTURE, ".md"))


def test_files_without_an_ending_are_looked_at_too() -> None:
    wanted = {"Makefile", "Procfile", ".ci/run", ".ci/set-up", ".env.example", "Dockerfile"}
    assert set() == wanted - {shown(path) for path in files(*TEXT)}


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        (LEFT_OVER, "# FIX" + "ME: later", True),
        (LEFT_OVER, "todos and fixmes", False),
        (SOME_MACHINE, "see /ho" + "me/ann/notes", True),
        (SOME_MACHINE, "below /Us" + "ers/ann", True),
        (SOME_MACHINE, "https://example.com/home/page", False),
        (SOME_MACHINE, "a home of mode 0700", False),
        (REGISTRY, "from files.pythonhosted.org", True),
        (REGISTRY, "on PyPI", False),
    ],
)
def test_what_must_not_be_there_is_recognised(
    pattern: re.Pattern[str], line: str, expected: bool
) -> None:
    assert expected == bool(pattern.search(line))
