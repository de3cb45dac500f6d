"""The chart of a run: what Twilio accepted in each second, and what was done meanwhile. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from messaging.local.chaos.log import KILLED
from messaging.local.chaos.outcome import Course

WIDTH, HEIGHT = 1000.0, 160.0
_TICK = (1, 2, 5, 10, 15, 30, 60, 120, 300)
_MOST_TICKS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A second: where its bar stands, and how high it is."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that was done, at a place of the axis."""

    x: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """In units of an SVG of WIDTH by HEIGHT; `trouble` is where the trouble ends."""

    bars: Sequence[Bar]
    marks: Sequence[Mark]
    ticks: Sequence[Mark]
    trouble: float
    most: int
    """Texts in the fullest second."""


def chart(course: Course, trouble_seconds: float) -> Chart:
    """The whole course, from the first trouble to the last text."""
    seconds = max(len(course.accepted), int(trouble_seconds) + 1)
    most = max(course.accepted, default=0)
    scale = WIDTH / seconds
    return Chart(
        bars=[_bar(n, number, scale, most) for n, number in enumerate(course.accepted) if number],
        marks=[
            Mark(
                x=round(moment.at * scale, 1),
                kind="kill" if moment.what.startswith(KILLED) else "other",
                title=f"{moment.at:g} s: {moment.what}",
            )
            for moment in course.moments
            if moment.at <= seconds
        ],
        ticks=[
            Mark(x=round(n * scale, 1), kind="tick", title=f"{n} s")
            for n in range(0, seconds, _step(seconds))
        ],
        trouble=round(trouble_seconds * scale, 1),
        most=most,
    )


def _bar(second: int, number: int, scale: float, most: int) -> Bar:
    height = round(number / most * HEIGHT, 1)
    return Bar(
        x=round(second * scale, 1),
        y=round(HEIGHT - height, 1),
        width=round(scale * 0.9, 2),
        height=height,
        title=f"{second} s: {number:,} texts",
    )


def _step(seconds: int) -> int:
    return next((step for step in _TICK if seconds / step <= _MOST_TICKS), 600)
