"""How long things are kept, and whether their deletion keeps up. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from messaging.domain.wording import at_least, span

_SILENT = timedelta(hours=1)
"""Longer than any pause between two runs."""
_LATE = timedelta(days=2)
"""A walk begins anew each day, and one that keeps up comes to its end each day."""


class Kind(StrEnum):
    """What may be deleted, as `messaging.retention_walks` calls it."""

    SENT = "sent"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    JOURNAL = "journal"
    LETTERS = "letters"
    PROCESSES = "processes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long the settings keep things; None is for good."""

    jobs: timedelta | None = None
    journal: timedelta | None = None
    dead: timedelta | None = None
    processes: timedelta | None = None

    def of(self, kind: Kind) -> timedelta | None:
        """How long this kind is kept; of failed messages, those that go first."""
        match kind:
            case Kind.SENT | Kind.WITHDRAWN:
                return self.jobs
            case Kind.FAILED:
                return min(filter(None, (self.jobs, self.dead)), default=None)
            case Kind.JOURNAL:
                return self.journal
            case Kind.LETTERS:
                return self.dead
            case Kind.PROCESSES:
                return self.processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How it stands with a kind.

    `oldest` is what is there, `overdue` how many rows could go and were not looked at yet; with
    `has_more`, it is more. `finished_at` is when nothing was left to look at; before that, when
    counting began.
    """

    kind: Kind
    keep: timedelta | None
    oldest: datetime | None
    overdue: int
    has_more: bool
    ran_at: datetime | None
    finished_at: datetime
    removed_at: datetime | None
    removed_today: int
    removed_in_all: int
    now: datetime

    @property
    def behind(self) -> str | None:
        """Why its deletion does not keep up, as a part of a sentence; None where it does."""
        if self.keep is None:
            return None
        if self.now - (self.ran_at or self.finished_at) > _SILENT:
            return (
                f"last ran {span(self.now - self.ran_at)} ago" if self.ran_at else "has never run"
            )
        if self.overdue and self.now - self.finished_at > _LATE:
            late = at_least(self.overdue, has_more=self.has_more)
            return f"has come to no end for {span(self.now - self.finished_at)}: {late} overdue"
        return None
