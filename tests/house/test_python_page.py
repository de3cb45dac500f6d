"""The page of the Python API has every name, method, argument and field, and no others."""

import inspect
import re
from dataclasses import fields

import pytest

import messaging
from messaging import Draft, Enqueued, Event, Message, Messaging, errors, recurring
from tests.house.test_tables import named, page, rows, section

PAGE = "docs/reference/python.md"
OF_TYPES = {"JobId", "MessagingError"}
"""Names that the page tells in a sentence."""


def arguments(function: object) -> list[str]:
    """The names of a function's arguments, without self."""
    assert callable(function)
    return [name for name in inspect.signature(function).parameters if name != "self"]


def shown(call: str) -> list[str]:
    """The names of the arguments in a call as the page writes it."""
    return re.findall(r"(\w+)=?(?:[^,()]*)(?:,|\))", call.partition("(")[2])


def test_every_public_name_is_on_the_page() -> None:
    text = page(PAGE).text
    assert [] == [name for name in messaging.__all__ if f"`{name}`" not in text]


def test_the_methods_and_their_arguments_are_the_programs() -> None:
    calls = [re.findall(r"`(.+?)`", cell)[0] for cell in rows(section(PAGE, "## `Messaging`"))]
    methods = {name for name, _ in inspect.getmembers(Messaging, inspect.isfunction)}
    public = {name for name in methods if not name.startswith("_")} - {"close"}
    assert public == {call.partition("(")[0] for call in calls}
    for call in calls:
        assert arguments(getattr(Messaging, call.partition("(")[0])) == shown(call)


def test_the_fields_of_a_draft_are_the_programs() -> None:
    assert {field.name for field in fields(Draft)} == {
        re.findall(r"`(\w+)`", cell)[0] for cell in rows(section(PAGE, "## `Draft`"))
    }


@pytest.mark.parametrize(
    ("heading", "kind"),
    [("## Many at once", Enqueued), ("## What became of it", Message)],
)
def test_the_fields_of_an_answer_are_the_programs(
    heading: str, kind: type[Enqueued] | type[Message]
) -> None:
    assert {field.name for field in fields(kind)} == named(section(PAGE, heading))


def test_the_fields_of_an_event_are_told() -> None:
    text = section(PAGE, "## What became of it").partition("An `Event`")[2]
    assert [] == [field.name for field in fields(Event) if f"`{field.name}`" not in text]


def test_the_functions_of_series_are_the_programs() -> None:
    text = " ".join(section(PAGE, "## Series").split())
    (call,) = re.findall(r"`(add\(.+?\))`", text)
    assert arguments(recurring.add) == shown(call)
    assert [] == [name for name in ("pause", "resume", "stop") if not hasattr(recurring, name)]


def test_the_errors_that_a_caller_may_meet_are_told() -> None:
    told = named(section(PAGE, "## Errors"))
    assert told == {"Refused", "NotFound", "Misconfigured"}
    assert all(issubclass(getattr(errors, name), errors.MessagingError) for name in told)
    assert told | OF_TYPES <= set(messaging.__all__)
