"""Settles attempts, whatever it takes: an answer from Twilio is worth more than a worker's time."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import psycopg

from messaging import events
from messaging.domain.entries import Hint
from messaging.domain.job import JobId
from messaging.domain.outcome import Outcome
from messaging.postgres import jobs
from messaging.postgres.connect import AWAY
from messaging.runtime import Runtime

_BETWEEN_TRIES = timedelta(seconds=1)
_LONGEST = timedelta(minutes=10)
"""How long an answer is kept while Postgres is away. Much longer than the send lease: an answer
with a SID still counts when its job is in doubt already, and spares Twilio's list a question."""


def settle(
    rt: Runtime, outcomes: Sequence[Outcome], queue: str | None, hints: Iterable[Hint] = ()
) -> set[JobId]:
    """Writes what attempts came to; returns the jobs that were settled.

    While Postgres is away it tries again, until this process is to stop. Where it refuses a
    group, each outcome is tried alone. What could not be written stays in processing, and the
    sweep puts it in doubt. A commit whose answer got lost is tried again too: the second time
    changes nothing.
    """
    entries = tuple(hints)
    until = rt.monotonic() + _LONGEST.total_seconds()
    while True:
        try:
            return _write(rt, outcomes, queue, entries)
        except AWAY as error:
            rt.outages.note("postgres", error)
            if rt.monotonic() > until or rt.stopping.is_set():
                events.answers_unwritten(jobs=len(outcomes), error=type(error).__name__)
                return set()
            rt.wait(_BETWEEN_TRIES)
        except psycopg.Error as error:
            if len(outcomes) == 1:
                events.answers_unwritten(jobs=1, error=type(error).__name__)
                return set()
            return {id for outcome in outcomes for id in settle(rt, [outcome], queue, entries)}


def _write(
    rt: Runtime, outcomes: Sequence[Outcome], queue: str | None, hints: Sequence[Hint]
) -> set[JobId]:
    with rt.db.connection() as conn:
        return jobs.settle(conn, outcomes, queue, hints)
