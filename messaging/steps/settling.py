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
from messaging.steps.insisting import insist

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
    try:
        return insist(rt, lambda: _write(rt, outcomes, queue, entries), _LONGEST)
    except psycopg.Error as error:
        if len(outcomes) > 1 and not isinstance(error, AWAY):
            return {id for outcome in outcomes for id in settle(rt, [outcome], queue, entries)}
        events.answers_unwritten(jobs=len(outcomes), error=type(error).__name__)
        return set()


def _write(
    rt: Runtime, outcomes: Sequence[Outcome], queue: str | None, hints: Sequence[Hint]
) -> set[JobId]:
    with rt.db.connection() as conn:
        return jobs.settle(conn, outcomes, queue, hints)
