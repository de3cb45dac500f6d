"""Compares Twilio's own list with the database, after a failover or a restore.

A database that has lost its last commits would send again what it does not remember. What Twilio
has of the jobs that wait here is recorded; what cannot be told apart is held; the rest is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from messaging.domain.answers import Listed, Unanswered
from messaging.domain.comparison import (
    Comparison,
    Finding,
    Kind,
    Window,
    recorded,
    seen,
)
from messaging.domain.doubt import CLOCK_SKEW
from messaging.domain.job import JobId
from messaging.errors import Refused, Unreachable
from messaging.postgres import comparison, connect, figures, jobs, opting_out
from messaging.postgres.jobs import Postgres
from messaging.runtime import Runtime
from messaging.steps.preparing import prepare_jobs

_BATCH = 500
EXAMPLES = 100
"""Findings of each kind that are told one by one, and SIDs that Twilio is asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants compared, and whether the database is to be changed by it.

    `by` is who, for the journal; None for the database's user.
    """

    window: Window
    apply: bool
    by: str | None = None


class Compared:
    """A comparison that has been made. `result` says it; `findings` has every one of it.

    Its connection is open until `close`: what was compared goes with it.
    """

    def __init__(self, conn: Postgres, result: Comparison) -> None:
        self._conn = conn
        self.result = result

    def findings(self) -> Iterator[Finding]:
        """All of them, however many, a kind after the other."""
        for kind in Kind:
            yield from _all_of(self._conn, kind)

    def close(self) -> None:
        """Lets go of the connection."""
        self._conn.close()


def compare(rt: Runtime, wish: Wish) -> Compared:
    """Reads Twilio's list in full and says, or does, what follows; safe to repeat.

    Nothing is changed unless that is wanted and the list was read in full. Raises Unreachable
    where Twilio does not answer, Refused where messages of that time are deleted by now, and
    psycopg.Error where Postgres does not answer.
    """
    conn = connect.direct(rt.settings)
    try:
        return Compared(conn, _compare(rt, conn, wish))
    except BaseException:
        conn.close()
        raise


def _compare(rt: Runtime, conn: Postgres, wish: Wish) -> Comparison:
    _expect_kept(rt, conn, wish.window)
    comparison.begin(conn)
    _read_list(rt, conn, wish.window)
    bare = 0
    for ids in _bare_rows(conn):
        bare += len(ids)
        if wish.apply:
            prepare_jobs(rt, ids)
    comparison.judge(
        conn,
        wish.window,
        native=rt.settings.twilio_native_scheduling,
        lines=rt.settings.lines.all_of_them(opting_out.template_lines(conn)),
    )
    _ask_for_missing(rt, conn)
    found = comparison.counts(conn)
    return Comparison(
        window=wish.window,
        seen=comparison.seen_count(conn),
        bare=0 if wish.apply else bare,
        found=found,
        done=_apply(conn, wish) if wish.apply else {},
        examples={kind: comparison.findings(conn, kind, 0, EXAMPLES) for kind in Kind},
    )


def _expect_kept(rt: Runtime, conn: Postgres, window: Window) -> None:
    """What is deleted here looks in Twilio's list like a text that nobody knows."""
    keep = min(filter(None, (rt.settings.keeps_jobs, rt.settings.keeps_dead)), default=None)
    if keep and window.since < figures.versions(conn).clock - keep:
        raise Refused(
            f"Messages are deleted here after {keep.days} days (MESSAGING_KEEP_JOBS_DAYS or "
            "_DEAD_LETTERS_DAYS), and then cannot be compared: begin with a later time."
        )


def _bare_rows(conn: Postgres) -> Iterator[list[JobId]]:
    """Rows that lack, until they are prepared, the number and the words they are told by."""
    last: JobId | None = None
    while ids := comparison.bare_rows(conn, last, _BATCH):
        yield ids
        last = ids[-1]


def _read_list(rt: Runtime, conn: Postgres, window: Window) -> None:
    for part in rt.twilio.history(window.since - CLOCK_SKEW):
        if isinstance(part, Unanswered):
            raise Unreachable(f"Twilio's list could not be read in full: {part.reason}")
        comparison.note_seen(conn, [seen(message, rt.settings.senders) for message in part])


def _ask_for_missing(rt: Runtime, conn: Postgres) -> None:
    """A SID that the list does not show may be there all the same: Twilio is asked for it."""
    for finding in comparison.findings(conn, Kind.MISSING, 0, EXAMPLES):
        if finding.sid and isinstance(rt.twilio.fetch(finding.sid), Listed):
            comparison.drop(conn, finding)


def _apply(conn: Postgres, wish: Wish) -> dict[Kind, int]:
    return {
        Kind.RECORDED: _record(conn, wish.by),
        Kind.HELD: comparison.hold_suspects(conn, wish.by),
    }


def _record(conn: Postgres, by: str | None) -> int:
    done, last = 0, 0
    while batch := comparison.findings(conn, Kind.RECORDED, last, _BATCH):
        outcomes = [outcome for finding in batch if (outcome := recorded(finding, by))]
        done += len(jobs.settle(conn, outcomes, queue=None))
        last = batch[-1].id
    return done


def _all_of(conn: Postgres, kind: Kind) -> Iterator[Finding]:
    last = 0
    while batch := comparison.findings(conn, kind, last, _BATCH):
        yield from batch
        last = batch[-1].id
