"""Figures: what was measured in each run, what their median is, and how the two sides compare."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Something measured in every run, of ours and, where it has that too, of plain Celery."""

    part: str
    name: str
    unit: str
    ours: Sequence[float]
    plain: Sequence[float] = ()
    is_more_better: bool = True

    @property
    def median(self) -> float:
        """Of our runs."""
        return median(self.ours)

    @property
    def plain_median(self) -> float | None:
        """Of plain Celery's runs."""
        return median(self.plain) if self.plain else None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; below 1 where plain Celery is better."""
        plain = self.plain_median
        if not plain or not self.median:
            return None
        return self.median / plain if self.is_more_better else plain / self.median


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run: `rate` in a second, `cpu` in milliseconds for each."""

    rate: float
    cpu: float


@dataclass(slots=True, kw_only=True)
class Samples:
    """The runs of both sides so far."""

    ours: list[Sample] = field(default_factory=list)
    plain: list[Sample] = field(default_factory=list)

    def figures(self, part: str, each: str) -> list[Figure]:
        """Rate and processor time, for each message, callback or whatever `each` is."""
        return [
            Figure(
                part=part,
                name=f"{each}s a second",
                unit="/s",
                ours=[sample.rate for sample in self.ours],
                plain=[sample.rate for sample in self.plain],
            ),
            Figure(
                part=part,
                name=f"CPU a {each}",
                unit="ms",
                ours=[sample.cpu for sample in self.ours],
                plain=[sample.cpu for sample in self.plain],
                is_more_better=False,
            ),
        ]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed."""
    ordered = sorted(values)
    place = -(-len(ordered) * share // 1)
    return ordered[max(0, int(place) - 1)]
