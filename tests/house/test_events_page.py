"""The page of events tells what `events.py` says, and each event has its function's name."""

import ast

from tests.house import events_page
from tests.house.tree import expect_none


def test_the_page_of_events_is_up_to_date() -> None:
    written = events_page.PAGE.read_text(encoding="utf-8")
    assert events_page.page() == written, "run python -m tests.house.events_page"


def test_an_event_is_called_as_its_function() -> None:
    named = {
        event.name: ast.literal_eval(events_page.written(event).args[0])
        for event in events_page.events()
    }
    assert len(named) > 30
    expect_none(f"{function} writes {name}" for function, name in named.items() if function != name)
