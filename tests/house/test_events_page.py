"""The page of events tells what `events.py` says, and each event has its function's name."""

import ast

import pytest

from tests.house import events_page
from tests.house.tree import expect_none


def test_the_page_of_events_is_up_to_date() -> None:
    written = events_page.PAGE.read_text(encoding="utf-8")
    assert events_page.page() == written, "run python -m tests.house.events_page"


def test_an_event_is_called_as_its_function() -> None:
    called = {event.name: events_page.names(event) for event in events_page.events()}
    assert len(called) > 30
    expect_none(
        f"{function} writes {name}"
        for function, names in called.items()
        for name in names
        if not name.endswith(function)
    )


@pytest.mark.parametrize(
    ("argument", "name", "expected"),
    [
        ("reason: str", '"job_failed"', ["job_failed"]),
        ('what: Literal["a", "b"]', 'f"{what}_refused"', ["a_refused", "b_refused"]),
    ],
)
def test_an_event_may_have_several_names(argument: str, name: str, expected: list[str]) -> None:
    (event,) = ast.parse(f"def refused(*, {argument}) -> None:\n  _log.info({name})").body
    assert isinstance(event, ast.FunctionDef)
    assert expected == events_page.names(event)
