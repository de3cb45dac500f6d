"""What `messaging up` prints: a calm start, then everybody's lines with their names before them.

Plain text where nobody watches (no terminal), no colours with NO_COLOR (no-color.org).
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

OURS = "messaging"
"""The name before our own lines."""
_COLOURS = ("cyan", "green", "magenta", "blue", "yellow", "bright_cyan", "bright_magenta")
_LEVEL = re.compile(r"\b(warning|error|critical)\b", re.IGNORECASE)
_LEVELS = {"warning": "yellow", "error": "red", "critical": "bold red"}
_STEP = 12
"""The column of names during the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something in the panel: a name, what it is, and a remark for the line below."""

    name: str
    text: str
    remark: str = ""


class Screen:
    """The terminal, or the file or pipe that stands for it."""

    def __init__(self, names: Sequence[str], console: Console | None = None) -> None:
        """`names` are the processes whose lines will be shown; they share a column's width."""
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._width = max(map(len, (OURS, *names)))
        self._colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
        self._bar = "│" if self._console.encoding.startswith("utf") else "|"
        self._live: Live | None = None
        self._said: set[str] = set()

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at a terminal."""
        return self._console.is_terminal

    def title(self, text: str, remark: str) -> None:
        """The first line."""
        self._print(Text.assemble("\n  ", (text, "bold"), "  ", (remark, "dim"), "\n"))

    def remark(self, text: str) -> None:
        """Something about the start that is worth a line."""
        self._print(Text.assemble(" " * (_STEP + 13), (text, "yellow")))

    def step(self, name: str, seconds: float, remark: str = "") -> None:
        """A part of the start is done: how long it took, and a remark."""
        took = (f"{seconds:6.2f} s   ", "green")
        self._print(Text.assemble(f"  {name:<{_STEP}}", took, (remark, "dim")))

    def panel(self, title: str, facts: Sequence[Fact]) -> None:
        """What a person needs to know now."""
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for fact in facts:
            text = Text.assemble((fact.text, "bold"), "\n", (fact.remark, "dim"))
            table.add_row(Text(fact.name, "cyan"), text)
        framed = Panel(
            table,
            title=title,
            title_align="left",
            border_style="green",
            expand=False,
            padding=(1, 2),
            box=box.ROUNDED,
        )
        self._print("")
        self._print(framed)
        self._print("")

    def line(self, name: str, text: str) -> None:
        """A line that a process printed, unless it is empty; its own colours stay."""
        if not text:
            return
        said = Text.from_ansi(text) if "\x1b" in text else Text(text, _style(text))
        self._print(Text.assemble((self._prefix(name), self._colours.get(name, "white")), said))

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self._print(Text.assemble((self._prefix(OURS), "bold"), text))

    def good(self, text: str) -> None:
        """Something worth waiting for."""
        self._print(Text.assemble((self._prefix(OURS), "bold"), (text, "bold green")))

    def trouble(self, text: str) -> None:
        """Something went wrong, and what happens next."""
        first, *more = text.splitlines() or [""]
        self._print(Text.assemble((self._prefix(OURS), "bold"), (first, "bold red")))
        for line in more:
            self._print(Text.assemble((self._prefix(""), "bold"), line))

    @contextlib.contextmanager
    def picture(self) -> Iterator[None]:
        """While it lasts, `show` keeps a picture below the lines, on a terminal."""
        if not self.is_watched:
            yield
            return
        # Redrawn by us alone: a thread of its own would make starting processes unsafe.
        with Live(console=self._console, auto_refresh=False) as self._live:
            yield
        self._live = None

    def show(self, picture: RenderableType, sentences: Sequence[str]) -> None:
        """Draw the picture anew; without a terminal, print those sentences that are new."""
        if self._live:
            self._live.update(picture, refresh=True)
            return
        for sentence in sentences:
            if sentence not in self._said:
                self._said.add(sentence)
                self.note(sentence)

    def _prefix(self, name: str) -> str:
        return f"{name:<{self._width}} {self._bar} "

    def _print(self, what: RenderableType) -> None:
        # A terminal that was closed must not keep the processes from being stopped.
        with contextlib.suppress(OSError):
            self._console.print(what)


def _style(line: str) -> str:
    """By the level that our events and Celery's lines name."""
    found = _LEVEL.search(line[:80])
    return _LEVELS[found[1].lower()] if found else ""
