"""The tour leads past everything: what it names is there, and what is there is named."""

import re

import pytest

from tests.house.pages import spans
from tests.house.test_tables import page
from tests.house.tree import ROOT, expect_none

TOUR = page("docs/tour.md")
DOORSTEPS = {"__init__.py", "__main__.py", "py.typed", "migrations"}
"""Names that every package has, and a link."""
_MADE_IN = re.compile(r"`messaging\.(\w+)`\s\(`…_(\w+)\.sql`\)")


def places() -> set[str]:
    """Modules and packages of the package, as they lie in its folder."""
    there = {path.name for path in (ROOT / "messaging").iterdir()} - DOORSTEPS
    return {name for name in there if not name.startswith("__")}


def unnamed(text: str, there: set[str]) -> set[str]:
    """Places that a text does not name: `module.py`, `package/` or `package/module.py`."""
    named = set(re.findall(r"`(?:messaging/)?(\w+(?:\.py|/))", text))
    return {name for name in there if name not in named and f"{name}/" not in named}


def missing(names: list[str]) -> list[str]:
    """Files that are not where the tour has them: below `messaging/`, or from the root."""
    return [
        name
        for name in names
        if re.fullmatch(r"[\w/]+\.(?:py|sql|lua)|[\w/]+/", name)
        and not (ROOT / "messaging" / name).exists()
        and not (ROOT / name).exists()
    ]


def newest(function: str) -> str:
    """The last migration that makes a function or a view of ours, by the end of its name."""
    made = re.compile(rf"create (?:or replace )?(?:function|view) messaging\.{function}\b")
    files = sorted((ROOT / "migrations").glob("*.sql"))
    found = [path.stem.partition("_")[2] for path in files if made.search(path.read_text("utf-8"))]
    return found[-1] if found else ""


def test_every_module_is_named() -> None:
    expect_none(unnamed(TOUR.text, places()))


def test_every_file_is_where_the_tour_has_it() -> None:
    assert 50 < len([name for name in spans(TOUR) if name.endswith((".py", "/"))])
    expect_none(missing(spans(TOUR)))


def test_a_function_is_read_where_its_newest_text_is() -> None:
    found = _MADE_IN.findall(" ".join(TOUR.text.split()))
    assert 10 < len(found)
    expect_none(f"{name} is in {newest(name)}" for name, file in found if newest(name) != file)


def test_each_stop_of_the_story_names_what_to_open() -> None:
    stops = re.split(r"^### \d+\. ", TOUR.text, flags=re.MULTILINE)[1:]
    assert len(stops) == 8
    expect_none(stop.splitlines()[0] for stop in stops if "**Open** `" not in stop)


def test_no_stop_is_longer_than_a_screen() -> None:
    stops = re.split(r"^###? ", TOUR.text, flags=re.MULTILINE)[1:]
    expect_none(stop.splitlines()[0] for stop in stops if len(stop.splitlines()) > 30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`bridge.py` and `web/`", set()),
        ("`messaging/bridge.py` and `web/app.py`", set()),
        ("`bridge` and `web/`", {"bridge.py"}),
        ("`web/`", {"bridge.py"}),
    ],
)
def test_a_module_that_is_left_out_is_found(text: str, expected: set[str]) -> None:
    assert expected == unnamed(text, {"bridge.py", "web"})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("bridge.py", 0), ("domain/draft.py", 0), ("domain/bridge.py", 1), ("rooms/", 1)],
)
def test_a_file_that_is_elsewhere_is_found(name: str, expected: int) -> None:
    assert expected == len(missing([name]))
