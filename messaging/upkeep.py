"""Upkeep: finds jobs that a dead worker left behind, and pending jobs without a queue entry."""

from dataclasses import dataclass
from datetime import timedelta

from messaging import events
from messaging.postgres import consent, guards, jobs
from messaging.postgres.connect import single
from messaging.runtime import Runtime

_ENTRY_MISSING_AFTER = timedelta(minutes=2)
_STOP_LEFT_AFTER = timedelta(seconds=10)
"""How long a STOP may be under way after the send deadline, before the sweep ends it: no request of
a claim that did not know of it can start any more."""
_USES = 100_000
"""Uses of caps that are forgotten in one go: more than are made between two sweeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many jobs were put in doubt, and how many got a new queue entry."""

    in_doubt: int = 0
    restored: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(
            in_doubt=self.in_doubt + other.in_doubt, restored=self.restored + other.restored
        )

    def __str__(self) -> str:
        return f"{self.in_doubt} in doubt, {self.restored} entries restored"


def sweep(rt: Runtime) -> Swept:
    """Puts jobs whose send lease has run out in doubt, and restores missing queue entries."""
    with single(rt.db) as conn:
        in_doubt = len(jobs.sweep_processing(conn))
        restored = jobs.restore_entries(conn, _ENTRY_MISSING_AFTER)
        late = timedelta(seconds=rt.settings.send_deadline) + _STOP_LEFT_AFTER
        consent.finish_overdue(conn, late)
        # Also without caps: what was counted while there were some has the recipients' numbers.
        guards.forget_uses(conn, _USES)
    if in_doubt:
        events.jobs_swept(jobs=in_doubt)
    if restored:
        events.entries_restored(jobs=restored)
    return Swept(in_doubt=in_doubt, restored=restored)
