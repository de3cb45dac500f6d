"""Figures: what was measured in each run, what their median is, and how the sides compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Something measured in every run, of ours and, where they have that too, of the others."""

    part: str
    name: str
    unit: str
    ours: Sequence[float]
    others: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """By the name of the contender."""
    is_more_better: bool = True

    @property
    def title(self) -> str:
        """What tables call it."""
        return f"{self.part}: {self.name}"

    @property
    def median(self) -> float:
        """Of our runs."""
        return median(self.ours)

    def median_of(self, other: str) -> float | None:
        """Of another contender's runs; None where it has none."""
        runs = self.others.get(other)
        return median(runs) if runs else None

    def ratio(self, other: str) -> float | None:
        """How many times better ours is; below 1 where the other is better."""
        theirs = self.median_of(other)
        if not theirs or not self.median:
            return None
        return times_better(self.median, theirs, is_more_better=self.is_more_better)

    def under(self, conditions: str) -> Self:
        """The same figure, with the conditions of its measurement in its name."""
        return replace(self, name=f"{self.name}, {conditions}")

    def share_of(self, other: Self, conditions: str) -> "Figure":
        """How many per cent of the other one's median its own median is; neither is 0."""
        return Figure(
            part=self.part,
            name=f"{self.name}, {conditions}",
            unit="%",
            ours=[100 * self.median / other.median],
            is_more_better=self.is_more_better,
        )


def times_better(one: float, other: float, *, is_more_better: bool) -> float:
    """How many times better one is than the other; neither is 0."""
    return one / other if is_more_better else other / one


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run: `rate` in a second, `cpu` in milliseconds for each."""

    rate: float
    cpu: float


@dataclass(slots=True, kw_only=True)
class Samples:
    """The runs of all sides so far; those of the others by their names."""

    ours: list[Sample] = field(default_factory=list)
    others: dict[str, list[Sample]] = field(default_factory=dict)

    def figures(self, part: str, each: str) -> list[Figure]:
        """Rate and processor time, for each message, callback or whatever `each` is."""
        return [
            Figure(
                part=part,
                name=f"{each}s a second",
                unit="/s",
                ours=[sample.rate for sample in self.ours],
                others={
                    name: [sample.rate for sample in samples]
                    for name, samples in self.others.items()
                },
            ),
            Figure(
                part=part,
                name=f"CPU a {each}",
                unit="ms",
                ours=[sample.cpu for sample in self.ours],
                others={
                    name: [sample.cpu for sample in samples]
                    for name, samples in self.others.items()
                },
                is_more_better=False,
            ),
        ]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed."""
    ordered = sorted(values)
    place = -(-len(ordered) * share // 1)
    return ordered[max(0, int(place) - 1)]
