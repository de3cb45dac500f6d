"""The chart of a measurement: a bar for each contender, in a panel for each figure. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment

from messaging.local.bench.figures import Figure
from messaging.local.bench.report import in_order, shown

OURS = "messaging"
WIDTH = 760.0
_LEFT, _RIGHT, _EDGE = 150.0, 110.0, 24.0
"""Room for the names of contenders, for what the longest bar says, and around everything."""
_HEAD, _BAR, _STEP, _GAP = 34.0, 16.0, 24.0, 22.0
_PICTURE = Path(__file__).with_name("chart.svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A contender: how long its bar is, and what is written at its end."""

    name: str
    y: float
    width: float
    value: str
    is_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A figure: where its title stands, and which way is better."""

    title: str
    better: str
    y: float
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """In units of an SVG of WIDTH by `height`; bars begin at `left` and are `thick`."""

    panels: Sequence[Panel]
    height: float
    left: float = _LEFT
    edge: float = _EDGE
    right: float = WIDTH - _EDGE
    width: float = WIDTH
    thick: float = _BAR


def chart(figures: Sequence[Figure]) -> Chart:
    """Of the figures that others have, too; our bar is the first of each."""
    top = _EDGE
    panels: list[Panel] = []
    for figure in in_order(figures):
        if figure.others:
            panels.append(_panel(figure, top))
            top += _HEAD + len(panels[-1].bars) * _STEP + _GAP
    return Chart(panels=panels, height=top)


def svg(figures: Sequence[Figure], note: str) -> str:
    """A picture that needs nothing else, for light and dark screens; the note stands below it."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _PICTURE.read_text(encoding="utf-8")
    )
    return template.render(chart=chart(figures), note=note)


def _panel(figure: Figure, top: float) -> Panel:
    medians = {OURS: figure.median}
    medians |= {name: figure.median_of(name) or 0.0 for name in figure.others}
    scale = (WIDTH - _LEFT - _RIGHT - _EDGE) / (max(medians.values()) or 1.0)
    return Panel(
        title=figure.title,
        better="more is better" if figure.is_more_better else "less is better",
        y=top,
        bars=[
            Bar(
                name=name,
                y=round(top + _HEAD + place * _STEP, 1),
                width=round(value * scale, 1),
                value=shown(value, figure.unit),
                is_ours=name == OURS,
            )
            for place, (name, value) in enumerate(medians.items())
        ],
    )
