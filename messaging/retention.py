"""Deletes what is kept no longer: in small batches, the oldest first, beside everything else."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from messaging import events
from messaging.domain.keeping import Kind
from messaging.postgres import retention
from messaging.postgres.jobs import Postgres
from messaging.postgres.retention import Walk
from messaging.runtime import Runtime

_WALKS: tuple[Walk, ...] = ("sent", "failed", "withdrawn")
_WITHOUT_PLACE = frozenset({Kind.LETTERS, Kind.PROCESSES})
"""What is not gone through: who looks there writes no place, so it is noted that somebody did."""
_MOST = 500
"""Rows in one transaction, which takes some hundredths of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """How many messages, events of the journal, dead entries and silent processes are gone."""

    jobs: int = 0
    events: int = 0
    letters: int = 0
    processes: int = 0

    def __add__(self, other: "Deleted") -> "Deleted":
        return Deleted(
            jobs=self.jobs + other.jobs,
            events=self.events + other.events,
            letters=self.letters + other.letters,
            processes=self.processes + other.processes,
        )

    def __str__(self) -> str:
        return (
            f"{self.jobs} jobs, {self.events} events, {self.letters} dead entries and "
            f"{self.processes} processes deleted"
        )


def retain(rt: Runtime) -> Deleted:
    """Deletes a batch of each kind whose time is over. Any number may run at once.

    A batch that takes too long, or waits for somebody, is left for the next time.
    """
    done = Deleted(
        jobs=sum(_jobs(rt, walk) for walk in _WALKS),
        events=_journal(rt),
        letters=_letters(rt),
        processes=_processes(rt),
    )
    if done != Deleted():
        events.records_deleted(
            jobs=done.jobs, events=done.events, letters=done.letters, processes=done.processes
        )
    return done


def _jobs(rt: Runtime, walk: Walk) -> int:
    keep, keep_dead = rt.settings.keeps_jobs, rt.settings.keeps_dead
    if not keep and not (keep_dead and walk == "failed"):
        return 0
    return _batch(
        rt,
        Kind(walk),
        lambda conn: retention.forget_jobs(conn, walk, keep, keep_dead, _MOST).deleted,
    )


def _journal(rt: Runtime) -> int:
    keep = rt.settings.keeps_journal
    if not keep:
        return 0
    return _batch(
        rt, Kind.JOURNAL, lambda conn: retention.forget_journal(conn, keep, _MOST).deleted
    )


def _letters(rt: Runtime) -> int:
    keep = rt.settings.keeps_dead
    if not keep:
        return 0
    return _batch(rt, Kind.LETTERS, lambda conn: retention.forget_letters(conn, keep, _MOST))


def _processes(rt: Runtime) -> int:
    keep = rt.settings.keeps_processes
    if not keep:
        return 0
    return _batch(rt, Kind.PROCESSES, lambda conn: retention.forget_processes(conn, keep))


def _batch(rt: Runtime, kind: Kind, forget: Callable[[Postgres], int]) -> int:
    """One transaction of its own; none of them holds others up for long."""
    try:
        with rt.db.connection() as conn:
            retention.be_modest(conn)
            removed = forget(conn)
            if removed or kind in _WITHOUT_PLACE:
                retention.note_deletion(conn, kind, removed, _MOST)
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
        events.deletion_postponed(reason=type(error).__name__)
        return 0
    return removed
