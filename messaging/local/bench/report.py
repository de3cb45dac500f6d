"""What a measurement has found, as a table for people and as JSON for machines."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from rich import box
from rich.table import Table

from messaging.local.bench.figures import Figure
from messaging.local.bench.options import PARTS, BenchOptions
from messaging.local.bench.site import tuned

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


def machine(postgres: str) -> Machine:
    """This one, now."""
    return Machine(
        system=platform.platform(),
        cores=os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
        postgres=postgres,
        packages={name: version(name) for name in _PACKAGES},
    )


def table(figures: Sequence[Figure]) -> Table:
    """A line a figure, with the median of its runs; the ratio says how many times better we are."""
    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold")
    drawn.add_column("", no_wrap=True)
    for title in ("messaging", "plain Celery", "times better"):
        drawn.add_column(title, justify="right", no_wrap=True)
    ordered = in_order(figures)
    for figure, following in zip(ordered, [*ordered[1:], None], strict=True):
        drawn.add_row(*_row(figure), end_section=following is None or following.part != figure.part)
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
        "settings": tuned(),
        "figures": [_as_json(figure) for figure in in_order(figures)],
    }
    file.write_text(json.dumps(content, indent=2) + "\n")


def shown(value: float) -> str:
    """With three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _row(figure: Figure) -> tuple[str, str, str, str]:
    plain, ratio = figure.plain_median, figure.ratio
    unit = figure.unit if figure.unit.startswith("/") else f" {figure.unit}"
    return (
        f"{figure.part}: {figure.name}",
        f"{shown(figure.median)}{unit}",
        f"{shown(plain)}{unit}" if plain is not None else "",
        f"{shown(ratio)} x" if ratio is not None else "",
    )


def _as_json(figure: Figure) -> dict[str, object]:
    return {
        "part": figure.part,
        "name": figure.name,
        "unit": figure.unit,
        "median": figure.median,
        "runs": list(figure.ours),
        "plain_celery": {"median": figure.plain_median, "runs": list(figure.plain)}
        if figure.plain
        else None,
        "times_better": figure.ratio,
    }
