"""A measurement against an earlier one: what has become better since, and what worse."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich import box
from rich.table import Table

from messaging.errors import Refused
from messaging.local.bench.figures import Figure, times_better
from messaging.local.bench.options import BenchOptions, a_side
from messaging.local.bench.report import in_order, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRatio:
    """How we compared with another contender."""

    times_better: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierFigure:
    """A figure of an earlier report, as far as it is compared."""

    part: str
    name: str
    median: float
    others: Mapping[str, EarlierRatio]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier report."""

    messages: int
    latency_ms: float
    processes: int = 1
    """Reports from before there was a choice don't say it."""
    figures: Sequence[EarlierFigure] = field(default_factory=list)

    def figure(self, part: str, name: str) -> EarlierFigure | None:
        """The figure of this name; None where it was not measured."""
        found = (figure for figure in self.figures if (figure.part, figure.name) == (part, name))
        return next(found, None)

    def other_conditions(self, options: BenchOptions) -> str | None:
        """A sentence about what was different then; None where nothing was."""
        latency = options.latency / timedelta(milliseconds=1)
        then = _conditions(self.messages, self.latency_ms, self.processes)
        now = _conditions(options.messages, latency, options.processes)
        if then == now:
            return None
        return (
            f"The earlier report is of {then}, this one of {now}: they say little about each other."
        )


_EARLIER = TypeAdapter(Earlier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A figure then and now, or its ratio to `beside`. `factor`: so many times better now."""

    title: str
    beside: str | None
    unit: str
    before: float
    now: float
    factor: float

    @property
    def words(self) -> str:
        """By how many per cent it is better or worse."""
        percent = round(100 * (self.factor - 1))
        if percent == 0:
            return "the same"
        return f"{abs(percent):,} % {'better' if percent > 0 else 'worse'}"

    def is_worse_by(self, share: float) -> bool:
        """Whether it is a ratio, and has become worse by more than this."""
        return self.beside is not None and self.factor < 1 - share


def read(file: Path) -> Earlier:
    """An earlier report. Raises Refused where the file can't be read or is none."""
    try:
        return _EARLIER.validate_json(file.read_bytes())
    except OSError as error:
        raise Refused(f"The earlier report cannot be read: {file}: {error.strerror}.") from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise Refused(
            f"{file} is no report that `messaging bench --json` has written: "
            f"{place}: {problem['msg']}."
        ) from None


def changes(figures: Sequence[Figure], earlier: Earlier) -> list[Change]:
    """Of every figure that is in both, and of its ratios; a ratio comes after its figure."""
    return [change for figure in in_order(figures) for change in _changes(figure, earlier)]


def table(found: Sequence[Change]) -> Table:
    """A row a figure or ratio."""
    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold")
    drawn.add_column("against the earlier report", no_wrap=True)
    for title in ("before", "now", ""):
        drawn.add_column(title, justify="right", no_wrap=True)
    for change in found:
        title = f"  beside {change.beside}" if change.beside else change.title
        values = (shown(value, change.unit) for value in (change.before, change.now))
        drawn.add_row(title, *values, change.words)
    return drawn


def verdict(found: Sequence[Change], tolerance: float) -> str | None:
    """A line for each ratio that is worse by more than the tolerance; None where there is none."""
    lines = [
        f"{change.title}, beside {change.beside}: {change.words}, "
        f"{shown(change.before, 'x')} before and {shown(change.now, 'x')} now."
        for change in found
        if change.is_worse_by(tolerance)
    ]
    return "\n".join(lines) or None


def _conditions(messages: int, latency_ms: float, processes: int) -> str:
    return f"{messages:,} messages at {latency_ms:g} ms with {a_side(processes)}"


def _changes(figure: Figure, earlier: Earlier) -> Iterator[Change]:
    then = earlier.figure(figure.part, figure.name)
    if then is None:
        return
    if then.median > 0 and figure.median > 0:
        better = times_better(figure.median, then.median, is_more_better=figure.is_more_better)
        yield Change(
            title=figure.title,
            beside=None,
            unit=figure.unit,
            before=then.median,
            now=figure.median,
            factor=better,
        )
    for other, ratio in then.others.items():
        now = figure.ratio(other)
        if now and ratio.times_better:
            yield Change(
                title=figure.title,
                beside=other,
                unit="x",
                before=ratio.times_better,
                now=now,
                factor=now / ratio.times_better,
            )
