"""What became of the rows of a file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from messaging.domain.job import JobId

_KEPT = 100
"""Refusals that are told; the report has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one row: `created`, `duplicate` of `id`, `refused`; or `valid`, in a trial."""

    row: int
    line: int
    result: str
    id: JobId | None
    reason: str | None


COLUMNS = tuple(field.name for field in fields(Fate))
"""Of a report."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts rows as they are dealt with, and keeps the first refusals."""

    results: Counter[str] = field(default_factory=Counter)
    refusals: list[Fate] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many were dealt with."""
        return self.results.total()

    def add(self, fates: Sequence[Fate]) -> None:
        """Counts these too."""
        self.results.update(fate.result for fate in fates)
        refused = (fate for fate in fates if fate.result == "refused")
        self.refusals += list(refused)[: _KEPT - len(self.refusals)]
