"""What a run of `messaging chaos` is to be."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from messaging.errors import Refused

_A_KILL = timedelta(seconds=0.75)
"""On two cores the processes that it takes to start again still leave room for the work."""
_KINDS = (".html", ".json")
TIMES = (
    "connect_timeout",
    "read_timeout",
    "send_deadline",
    "send_lease",
    "entry_lease",
    "quiescence",
)
"""The protocol's: the settings that a run takes from its environment, and its report tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosOptions:
    """One run. The same `seed` makes the same texts and the same plan.

    `trouble` is how long there is trouble; None is three quarters of a second for each kill.
    `baseline` hurts plain Celery in our place. `report` is a file for the report, of the kind
    that its suffix names; `keep` is a folder for the ledger and everybody's logs.
    """

    messages: int = 5000
    kills: int = 60
    seed: int = 1
    trouble: timedelta | None = None
    baseline: bool = False
    report: Path | None = None
    keep: Path | None = None

    @property
    def duration(self) -> timedelta:
        """How long there is trouble."""
        return self.trouble or self.kills * _A_KILL


def expect_writable(report: Path | None) -> None:
    """Raises Refused where the report could not be written, before anything starts."""
    if report is None:
        return
    if report.suffix not in _KINDS:
        raise Refused(f"A report is FILE.html or FILE.json, not {report.name}.")
    if not report.absolute().parent.is_dir():
        raise Refused(f"There is no folder {report.parent} to write {report.name} to.")
