"""What a measurement has found, as a table for people and as JSON for machines."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from rich import box
from rich.table import Table

from messaging.local.bench.figures import Figure
from messaging.local.bench.options import PARTS, BenchOptions
from messaging.local.bench.site import tuned

WIDTH = 112
"""Columns that a table needs at most."""
_PACKAGES = ("messaging", "celery", "kombu", "redis", "psycopg", "twilio", "requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it was measured; `load` is how many processes wanted a core in the last minute."""

    system: str
    cores: int
    load: float
    python: str
    postgres: str
    packages: dict[str, str]

    @property
    def is_busy(self) -> bool:
        """Whether somebody else uses so much of it that only ratios mean something."""
        return self.load > self.cores / 2


def machine(postgres: str, others: Mapping[str, str]) -> Machine:
    """This one, now; `others` are versions of what takes part besides."""
    return Machine(
        system=platform.platform(),
        cores=os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
        postgres=postgres,
        packages={**{name: version(name) for name in _PACKAGES}, **others},
    )


def table(figures: Sequence[Figure]) -> Table:
    """A row a figure, with the median of its runs; a ratio says how many times better we are."""
    others = list(dict.fromkeys(name for figure in figures for name in figure.others))
    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, caption_justify="left")
    drawn.add_column("")
    for title in ("messaging", *others):
        drawn.add_column(title, justify="right", no_wrap=True)
    ordered = in_order(figures)
    for figure, following in zip(ordered, [*ordered[1:], None], strict=True):
        end = following is None or following.part != figure.part
        drawn.add_row(*_row(figure, others), end_section=end)
    drawn.caption = "x: how many times better messaging is" if others else None
    return drawn


def in_order(figures: Sequence[Figure]) -> list[Figure]:
    """By their parts, as the table has them."""
    return sorted(figures, key=lambda figure: PARTS.index(figure.part))


def write(
    file: Path, figures: Sequence[Figure], of: Machine, before: datetime, options: BenchOptions
) -> None:
    """Write it all as JSON. Raises OSError where the file can't be written."""
    content = {
        "measured_at": before.astimezone(UTC).isoformat(timespec="seconds"),
        "machine": asdict(of),
        "messages": options.messages,
        "latency_ms": options.latency / timedelta(milliseconds=1),
        "runs": options.runs,
        "processes": options.processes,
        "backlog": options.backlog if options.has_urgent else None,
        "rows": options.rows if {"growth", "storage"} & set(options.only) else None,
        "settings": tuned(),
        "figures": [_as_json(figure) for figure in in_order(figures)],
    }
    file.write_text(json.dumps(content, indent=2) + "\n")


def shown(value: float, unit: str = "") -> str:
    """With three digits that mean something."""
    space = "" if unit.startswith("/") or not unit else " "
    if value >= 100:
        return f"{value:,.0f}{space}{unit}"
    return f"{value:.1f}{space}{unit}" if value >= 10 else f"{value:.2f}{space}{unit}"


def _row(figure: Figure, others: Sequence[str]) -> tuple[str, ...]:
    theirs = (_beside(figure, other) for other in others)
    return (figure.title, shown(figure.median, figure.unit), *theirs)


def _beside(figure: Figure, other: str) -> str:
    """Another's median, and below it the ratio."""
    theirs, ratio = figure.median_of(other), figure.ratio(other)
    lines = [shown(theirs, figure.unit)] if theirs is not None else []
    lines += [shown(ratio, "x")] if ratio is not None else []
    return "\n".join(lines)


def _as_json(figure: Figure) -> dict[str, object]:
    return {
        "part": figure.part,
        "name": figure.name,
        "unit": figure.unit,
        "median": figure.median,
        "runs": list(figure.ours),
        "others": {
            other: {
                "median": figure.median_of(other),
                "runs": list(runs),
                "times_better": figure.ratio(other),
            }
            for other, runs in figure.others.items()
        },
    }
