"""The report of a run: for a terminal, as JSON, and as a page that needs nothing else."""

import json
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from messaging.local.chaos.chart import chart
from messaging.local.chaos.outcome import Outcome
from messaging.local.chaos.wording import Section, Tone, headline, sections

BASELINE = (
    "This is the baseline: plain Celery with the usual settings of somebody who knows it well, "
    "hurt by the same plan. It shows that the drill finds what it looks for."
)
_STYLES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.BAD: "bold red", Tone.DOUBT: "yellow"}
_PAGE = Path(__file__).with_name("page.html")


def picture(outcome: Outcome) -> list[RenderableType]:
    """For people at a terminal."""
    head = headline(outcome)
    parts: list[RenderableType] = ["", Text(f"{head.name}: {head.value}", _STYLES[head.tone])]
    if outcome.is_baseline:
        parts.append(Text(BASELINE, "dim"))
    for section in sections(outcome):
        if section.lines:
            parts += ["", Text(section.title, "bold"), _table(section)]
    return [*parts, ""]


def page(outcome: Outcome) -> str:
    """HTML, with its style and its chart inside."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _PAGE.read_text(encoding="utf-8")
    )
    return template.render(
        outcome=outcome,
        head=headline(outcome),
        sections=[section for section in sections(outcome) if section.lines],
        baseline=BASELINE if outcome.is_baseline else "",
        chart=chart(outcome.course, outcome.trouble_seconds),
    )


def document(outcome: Outcome) -> str:
    """JSON."""
    return json.dumps(asdict(outcome), indent=2) + "\n"


def write(file: Path, outcome: Outcome) -> None:
    """Write it as the kind that the suffix names. Raises OSError where that is not possible."""
    text = page(outcome) if file.suffix == ".html" else document(outcome)
    file.write_text(text, encoding="utf-8")


def _table(section: Section) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for line in section.lines:
        table.add_row(line.name, Text(line.value, _STYLES[line.tone]), Text(line.remark))
    return table
