"""The chart of a run: what each window held as it went on, below its limit. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment

from messaging.local.pacing.found import Found
from messaging.local.pacing.windows import course

WIDTH, LEFT, RIGHT = 760.0, 56.0, 24.0
_HEIGHT, _HEAD, _GAP = 110.0, 34.0, 30.0
_TOP = 24.0
_POINTS = 400
"""Points of a line, about."""
_NAMES = {1: "second", 60: "minute"}
_PICTURE = Path(__file__).with_name("chart.svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The windows of one limit: their line, and where the limit is."""

    title: str
    y: float
    bottom: float
    limit: int
    limit_y: float
    points: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """In units of an SVG of WIDTH by `height`; marks and ticks are places on the axis of time."""

    panels: Sequence[Panel]
    kills: Sequence[float]
    wipes: Sequence[float]
    ticks: Sequence[tuple[float, str]]
    height: float
    left: float = LEFT
    right: float = WIDTH - RIGHT
    width: float = WIDTH


def chart(found: Found) -> Chart:
    """Of the whole run, from its first text to its last one."""
    first, last = found.arrivals[0].at, found.arrivals[-1].at
    scale = (WIDTH - LEFT - RIGHT) / max(last - first, 1.0)

    def place(at: float) -> float:
        return round(LEFT + (at - first) * scale, 1)

    panels = [_panel(found, seconds, n, scale) for n, seconds in enumerate(found.limits)]
    return Chart(
        panels=panels,
        kills=[place(at) for at in found.kills],
        wipes=[place(at) for at in found.wipes],
        ticks=[
            (place(first + second), f"{second} s")
            for second in range(0, int(last - first) + 1, _step(last - first))
        ],
        height=panels[-1].bottom + _GAP,
    )


def svg(found: Found) -> str:
    """A picture that needs nothing else, for light and dark screens."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _PICTURE.read_text(encoding="utf-8")
    )
    return template.render(chart=chart(found), lines=found.sentences())


def _panel(found: Found, seconds: int, number: int, scale: float) -> Panel:
    top = _TOP + number * (_HEAD + _HEIGHT + _GAP)
    bottom = top + _HEAD + _HEIGHT
    limit = found.limits[seconds]
    length = found.arrivals[-1].at - found.arrivals[0].at
    line = course(found.arrivals, seconds, max(length / _POINTS, 0.05))
    height = _HEIGHT / (1.1 * max(limit, *(units for _, units in line)))
    return Panel(
        title=f"In the last {_NAMES[seconds]}",
        y=top,
        bottom=bottom,
        limit=limit,
        limit_y=round(bottom - limit * height, 1),
        points=" ".join(f"{LEFT + at * scale:.1f},{bottom - n * height:.1f}" for at, n in line),
    )


def _step(length: float) -> int:
    return next((step for step in (1, 5, 10, 30, 60, 120) if length / step <= 12), 300)
