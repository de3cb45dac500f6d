"""What others have written is shown, and steers no terminal."""

import pytest
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from messaging.commands.screen import Screen

STEERS = "a\x1b]0;title\x1b[2Jb\u202ec"
SHOWN = r"a\x1b]0;title\x1b[2Jb\u202ec"


@pytest.mark.parametrize("kind", ["words", "text", "table"])
def test_a_result_steers_no_terminal(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table.grid()
    table.add_row("campaign", STEERS)
    pictures: dict[str, RenderableType] = {
        "words": STEERS,
        "text": Text(STEERS, "bold"),
        "table": table,
    }
    Screen().show(None, pictures[kind])
    said = capsys.readouterr().out
    assert r"a\x1b]0;title" in said
    assert said.isascii()
    assert "\x1b" not in said


def test_colours_stay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    Screen().show(None, Text(STEERS, "bold"))
    assert f"\x1b[1m{SHOWN}\x1b[0m" in capsys.readouterr().out
