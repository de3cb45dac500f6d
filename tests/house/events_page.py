"""Writes the page of events from `messaging/events.py`: `python -m tests.house.events_page`."""

import ast
from collections.abc import Iterator

from tests.house.tree import ROOT, Function

PAGE = ROOT / "docs" / "reference" / "events.md"
_SOURCE = ROOT / "messaging" / "events.py"
_NO_EVENT = {"configure"}

_OPENING = """# Events in the log
Every line that the service itself writes, made from `messaging/events.py` by
`python -m tests.house.events_page`. It goes to stderr, a name and its fields:
```
12:00:31 [error] alert_fired          name=silent subject=beat value=52.1 what='No sign of …'
```
With `MESSAGING_LOG_FORMAT=json` it is a JSON object with `event`, `level` and `timestamp` (UTC)
besides. `MESSAGING_LOG_LEVEL` leaves out what is less severe. What libraries say is printed from
`warning` on, and what they repeat once. No event has a whole phone number or a text in it.

* `error`: a person should look.
* `warning`: something went wrong that mends itself, or that concerns one message.
* `info`: what went on.

`outcomes` are counts by status, each under its status' name.

"""


def page() -> str:
    """The page of all events, as Markdown."""
    rows = [_row(event) for event in events()]
    return "".join(
        [_OPENING, "| event | level | fields | what happened |\n|---|---|---|---|\n", *rows]
    )


def events() -> Iterator[Function]:
    """The functions that write events, by their names."""
    module = ast.parse(_SOURCE.read_text(encoding="utf-8"))
    functions = (node for node in module.body if isinstance(node, Function))
    public = (
        one for one in functions if not one.name.startswith("_") and one.name not in _NO_EVENT
    )
    yield from sorted(public, key=lambda event: event.name)


def names(event: Function) -> list[str]:
    """What the line is called; several names where an argument, a Literal, is a part of it."""
    match _written(event).args[0]:
        case ast.JoinedStr(
            values=[ast.FormattedValue(value=ast.Name(id=part)), ast.Constant(value=str(rest))]
        ):
            (told,) = (one for one in event.args.kwonlyargs if one.arg == part)
            words = (node.value for node in ast.walk(told) if isinstance(node, ast.Constant))
            return [f"{word}{rest}" for word in words if isinstance(word, str)]
        case name:
            return [str(ast.literal_eval(name))]


def _written(event: Function) -> ast.Call:
    (call,) = (
        node
        for node in ast.walk(event)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("_log.")
    )
    return call


def _row(event: Function) -> str:
    called = ", ".join(f"`{name}`" for name in names(event))
    level = ast.unparse(_written(event).func).removeprefix("_log.")
    fields = ", ".join(f"`{argument.arg}`" for argument in event.args.kwonlyargs)
    sentence = " ".join((ast.get_docstring(event) or "").split())
    return f"| {called} | {level} | {fields} | {sentence} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
