"""Where commands speak: results on stdout, everything else on stderr; as JSON where asked for.

With `--json`, stdout has one JSON document and nothing else, and errors are a line of JSON on
stderr: `{"error": "...", "exit_code": 1}`.
"""

import dataclasses
import io
import json as json_format
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO, cast
from uuid import UUID

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from messaging.domain.wording import plain

_WIDE = 400
"""Columns where no terminal limits them: a table in a pipe is not folded."""


class Screen:
    """One command's way to speak."""

    def __init__(self, *, json: bool = False) -> None:
        """`json` is for machines."""
        self.json = json
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at a terminal, so that a moving picture makes sense."""
        return self.err.is_terminal and not self.json

    def show(self, value: object, *pictures: RenderableType) -> None:
        """The command's result: `value` (dataclasses, texts, numbers) as JSON, or the pictures."""
        if self.json:
            self.out.file.write(json_format.dumps(_jsonable(value), indent=2) + "\n")
            return
        for picture in pictures:
            self.out.print(picture)

    def note(self, sentence: str, style: str = "") -> None:
        """Something beside the result, for people only."""
        if not self.json:
            self.err.print(Text(plain(sentence), style), soft_wrap=not self.err.is_terminal)

    def good(self, sentence: str) -> None:
        """It came off."""
        self._marked("✓", "+", sentence, "green")

    def doubtful(self, sentence: str) -> None:
        """It is not known, or somebody should look."""
        self._marked("!", "!", sentence, "yellow")

    def bad(self, sentence: str) -> None:
        """It did not come off; for people only."""
        self._marked("✗", "x", sentence, "red")

    def error(self, sentence: str, code: int) -> None:
        """Why the command ends with this exit code."""
        if self.json:
            line = json_format.dumps({"error": sentence, "exit_code": code})
            self.err.file.write(line + "\n")
            return
        first, *more = sentence.splitlines() or [""]
        self.bad(first)
        for line in more:
            self.note(f"  {line}")

    def mark(self, mark: str, otherwise: str) -> str:
        """A sign, or another where the terminal's encoding lacks it."""
        return mark if self.out.encoding.startswith("utf") else otherwise

    def _marked(self, mark: str, otherwise: str, sentence: str, style: str) -> None:
        if self.json:
            return
        sign = Text(f"{self.mark(mark, otherwise)} ", f"bold {style}")
        said = Text(plain(sentence))
        if self.err.is_terminal:
            hanging = Table.grid()
            hanging.add_row(sign, said)
            self.err.print(hanging)
        else:
            self.err.print(sign + said, soft_wrap=True)


class _PlainConsole(Console):
    """Shows what others have written as it is, but for what would steer the terminal.

    A campaign's name is a producer's, and a text to us anybody's. Colours are no part of a
    segment's text, and what moves the cursor is a segment of its own.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """The segments of what is to be shown."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)


def _console(file: TextIO) -> Console:
    if isinstance(file, io.TextIOWrapper):
        file.reconfigure(errors="backslashreplace")  # a terminal's encoding never stops a command
    console = _PlainConsole(file=file, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def _jsonable(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: _jsonable(getattr(value, field.name)) for field in fields}
    if isinstance(value, dict):
        return {str(key): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in cast("list[object]", value)]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID) else value
