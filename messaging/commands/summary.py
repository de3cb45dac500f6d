"""What `messaging enqueue` says at its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from messaging.commands.fates import Fate
from messaging.commands.tables import columns, grid
from messaging.domain.wording import count, plain, span

_SHOWN = 10
"""Refusals on the screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of an import, as `--json` prints them; `refusals` are the first hundred."""

    file: str
    rows: int
    created: int
    duplicate: int
    valid: int
    """In a trial: rows that would be handed over."""
    refused: int
    seconds: float
    report: str | None
    refusals: Sequence[Fate]


def picture(summary: Summary, *, dry_run: bool) -> list[RenderableType]:
    """The figures, and the first refusals, for people."""
    figures = grid()
    figures.add_column(justify="right")
    for name, number, style, remark in _lines(summary, dry_run=dry_run):
        figures.add_row(Text(name, style), Text(f"{number:,}", style), Text(remark, "dim"))
    parts: list[RenderableType] = [_title(summary), figures]
    if summary.refusals:
        parts += ["", _refusals(summary)]
    if summary.refused > _SHOWN:
        parts.append(_rest(summary))
    return ["", *parts, ""]


def _title(summary: Summary) -> Text:
    took = span(timedelta(seconds=summary.seconds))
    name = Path(summary.file).name
    return Text.assemble((name, "bold"), (f"  {count(summary.rows, 'row')} in {took}", "dim"))


def _lines(summary: Summary, *, dry_run: bool) -> list[tuple[str, int, str, str]]:
    refused = (
        "refused",
        summary.refused,
        "red" if summary.refused else "",
        f"every row is in {summary.report}" if summary.report else "",
    )
    if dry_run:
        return [("valid", summary.valid, "green", "nothing was handed over"), refused]
    twice = "had been handed over before" if summary.duplicate else ""
    return [
        ("created", summary.created, "green", ""),
        ("duplicate", summary.duplicate, "", twice),
        refused,
    ]


def _refusals(summary: Summary) -> Table:
    table = columns(">row", ">line", "why it was refused")
    for fate in summary.refusals[:_SHOWN]:
        table.add_row(str(fate.row), str(fate.line), Text(plain(fate.reason or "")))
    return table


def _rest(summary: Summary) -> Text:
    more = count(summary.refused - _SHOWN, "more row")
    where = summary.report or "--report FILE lists them all"
    return Text(f"and {more}: {where}", "dim")
