"""What the page of the command line says of JSON is what the commands print."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.pages import pages
from tests.house.tree import expect_none
from tests.integration.command_line import CommandLine
from tests.integration.databases import Database, change
from tests.integration.story import insert

FAILED = "7b4c7c1e-8f5e-4d3e-9a51-02420a120003"
HELD = "7b4c7c1e-8f5e-4d3e-9a51-02420a120004"
LATER = "7b4c7c1e-8f5e-4d3e-9a51-02420a120005"
SERIES = "of the series"
SAID = "SM" + "0" * 32
PHONE = "+12025550123"

COMMANDS = {
    "migrate": "--status",
    "send": f"--to {PHONE} --body Hello",
    "plan": "rows.csv",
    "enqueue": "rows.csv",
    "show": FAILED,
    "explain": FAILED,
    "reschedule": f"{LATER} --at +2d",
    "cancel": LATER,
    "numbers list": "",
    "held": "",
    "dead list": "",
    "dead show": FAILED,
    "dead replay": f"{FAILED} --dry-run",
    "dead discard": f"{FAILED} --dry-run",
    "consent opt-in": f"{PHONE} --evidence form",
    "consent show": PHONE,
    "consent import": "consents.csv",
    "inbound list": "",
    "resolve": f"{HELD} --resend",
    "reconcile": "--since -1h",
    "template put": "greeting --text Hello",
    "template list": "",
    "template lint": "greeting",
    "template render": "greeting",
    "template history": "greeting",
    "template diff": "greeting 1 1",
    "series add": f"--to {PHONE} --body Hi --rule FREQ=DAILY;COUNT=3 --start 2090-01-01T09:00",
    "series list": "",
    "series show": SERIES,
    "series pause": SERIES,
    "stop": "--reason trial",
    "stops": "--past",
    "queues": "",
    "resume": "",
    "stats": "",
    "alerts": "",
    "retention": "",
    "erase": PHONE,
    "erasures list": "",
    "numbers forget": "+12025550199",
}
"""A call of each command that needs nothing but a database, in an order that works."""
WITHOUT = {
    "up", "simulator", "probe", "bench", "chaos",  # run for long, and have reports of their own
    "check", "inbound seen", "erasures give-up", "template show", "series resume", "series stop",
    "consent opt-out",
}  # fmt: skip
"""Others: their JSON is that of one above, or tested with what they look at."""

_SAID = re.compile(
    r"^`messaging ((?:[a-z][a-z-]* ?)+)"
    r"|JSON(?: of ((?:`[a-z -]+`(?:, | and )?)+|both))?: (`\{[^`]+`|`\w+`, [^.]+)",
    re.MULTILINE,
)
"""A usage, or the JSON of those before it, or of those that it names."""

Shape = dict[str, Any] | list[Any] | None
"""Names and what is below them; None is any value."""


def promised() -> dict[str, Shape]:
    """What the page says that each command prints, by its words."""
    (page,) = (page for page in pages() if page.path == "docs/reference/command-line.md")
    found: dict[str, Shape] = {}
    waiting: list[str] = []
    for usage, named, spec in _SAID.findall(page.text):
        waiting += [usage.strip()] if usage else []
        if spec:
            these = re.findall(r"`([a-z -]+)`", named) or waiting
            found |= dict.fromkeys(these, shape(spec))
            waiting = []
    return found


def shape(spec: str) -> Shape:
    """What is written between backticks: a document, or a list of names."""
    if not spec.startswith("`{"):
        return dict.fromkeys(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", spec)))
    tokens = re.findall(r'"\w+"|[{}\[\]:,]|[^\s{}\[\]:,"]+', spec.strip("`"))
    return _value(iter([*tokens, ""]))[0]


def _value(tokens: Iterator[str]) -> tuple[Shape, str]:
    """A value and the token behind it."""
    first = next(tokens)
    if first == "{":
        return _object(tokens)
    if first == "[":
        inner, behind = _value(tokens)
        while behind not in ("]", ""):
            behind = next(tokens)
        return [inner], _behind(tokens)
    return None, _behind(tokens)


def _object(tokens: Iterator[str]) -> tuple[Shape, str]:
    names: dict[str, Shape] = {}
    token = next(tokens)
    while token not in ("}", ""):
        name = token
        token = next(tokens)
        below: Shape = None
        if token == ":":
            below, token = _value(tokens)
        if name.startswith('"'):
            names[name.strip('"')] = below
        while token == ",":
            token = next(tokens)
    return names or None, _behind(tokens)


def _behind(tokens: Iterator[str]) -> str:
    """The token behind a value, without words such as `or null`."""
    token = next(tokens)
    while token not in ("}", "]", ",", ""):
        token = next(tokens)
    return token


def differences(path: str, said: Shape, printed: Any) -> Iterator[str]:
    """Where a document has other names than the page says."""
    if isinstance(said, dict) and isinstance(printed, dict):
        if extra := said.keys() ^ printed.keys():
            yield f"{path}: {sorted(extra)}"
        for name in said.keys() & printed.keys():
            yield from differences(f"{path}.{name}", said[name], printed[name])
    elif isinstance(said, list) and isinstance(printed, list):
        yield from (line for one in printed[:1] for line in differences(path, said[0], one))


@pytest.fixture
def messaging(
    environment: dict[str, str],
    db: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """With a message of each kind."""
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(f"to,body\n{PHONE},Hello\ncall me,Hello\n")
    Path("consents.csv").write_text(f"phone,state,evidence\n{PHONE},opted_in,form\n")
    change(db, insert(db, id=FAILED), {"status": "failed", "due_at": None, "error_code": 30005})
    change(db, insert(db, id=HELD), {"status": "held", "due_at": None})
    insert(db, id=LATER, scheduled_for="2090-01-01 00:00:00+00")
    db.execute(
        "insert into messaging.dead_numbers (phone, error_code, until) "
        "values ('+12025550199', 30005, '2090-01-01')"
    )
    return CommandLine(environment | {"MESSAGING_ERASURE_KEY": "k" * 32}, monkeypatch, capsys)


def test_every_command_prints_what_the_page_says(messaging: CommandLine) -> None:
    said = promised()
    found: list[str] = []
    series = ""
    for words, arguments in COMMANDS.items():
        given = [series] if arguments == SERIES else arguments.split()
        ran = messaging(*words.split(), *given, "--json")
        assert ran.code in (0, 4), (words, ran)
        printed = ran.json
        series = printed["id"] if words == "series add" else series
        found += differences(words, said[words], printed)
    expect_none(found)


def test_every_command_of_the_page_is_looked_at() -> None:
    assert promised().keys() - WITHOUT == COMMANDS.keys() - WITHOUT


@pytest.mark.parametrize(
    ("spec", "printed", "expected"),
    [
        ('`{"id", "result"}`', {"id": 1, "result": 2}, 0),
        ('`{"id", "result"}`', {"id": 1}, 1),
        ('`{"id"}`', {"id": 1, "result": 2}, 1),
        ('`{"a": [{"b", "c"}], "total"}`', {"a": [{"b": 1, "c": 2}], "total": 1}, 0),
        ('`{"a": [{"b", "c"}], "total"}`', {"a": [{"b": 1, "d": 2}], "total": 1}, 1),
        ('`{"a": [as with b], "c": {X: Y} or null, "d"}`', {"a": [], "c": {"x": 1}, "d": 1}, 0),
        ("`id`, `status`", {"id": 1, "status": 2}, 0),
        ("`id`, `status`", {"id": 1, "state": 2}, 1),
    ],
)
def test_a_name_that_is_not_printed_is_found(spec: str, printed: Any, expected: int) -> None:
    assert expected == len(list(differences("", shape(spec), printed)))
