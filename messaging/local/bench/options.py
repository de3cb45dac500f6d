"""What is to be measured, and how much of it."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from messaging.errors import Refused

USUAL = ("sending", "latency", "enqueue", "receipts", "idle", "promotion")
"""What is measured unless something else is asked for."""
PARTS = (*USUAL, "growth", "storage", "rules", "memory", "scaling", "hosts")
"""What can be measured, in the order of the table."""
COMPARED = frozenset({"sending", "latency"})
"""Those of them in which others take part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """One measurement. `latency` is how long the simulated Twilio thinks about each request.

    Where sides are compared, each has so many `processes` that send. Every figure is the median of
    `runs`. `idle` is how long the idle processes are watched; `report` is where the figures are
    written as JSON. `has_peers` has BullMQ, graphile-worker and procrastinate take part.
    `has_urgent` measures the latency of urgent texts behind a `backlog`, too. `rows` are in the
    table when growth and storage are measured, and `workers` are how many there are, in ascending
    order, when scaling and hosts are. `chart` is where the figures that others have, too, are
    drawn. `against` is an earlier report; a ratio may be worse than there by the share `tolerance`.
    """

    messages: int = 3000
    latency: timedelta = timedelta(milliseconds=100)
    runs: int = 3
    processes: int = 1
    only: tuple[str, ...] = USUAL
    idle: timedelta = timedelta(seconds=20)
    report: Path | None = None
    has_peers: bool = False
    has_urgent: bool = False
    backlog: int = 10_000
    rows: int = 1_000_000
    workers: tuple[int, ...] = (1, 2, 4, 8)
    chart: Path | None = None
    against: Path | None = None
    tolerance: float = 0.2

    @property
    def is_compared(self) -> bool:
        """Whether others take part."""
        return bool(COMPARED & set(self.only))


def a_side(processes: int) -> str:
    """How many processes each side has, in words."""
    return "1 process a side" if processes == 1 else f"{processes} processes a side"


def parts(written: str) -> tuple[str, ...]:
    """The parts in a list with commas; raises Refused where one of them is none."""
    names = tuple(name.strip() for name in written.split(",") if name.strip())
    unknown = [name for name in names if name not in PARTS]
    if unknown or not names:
        raise Refused(
            f"There is nothing named {', '.join(unknown) or repr(written)} to measure: "
            f"choose among {', '.join(PARTS)}."
        )
    return names
