"""Settles attempts, whatever it takes: an answer from Twilio is worth more than a worker's time."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

import psycopg
from psycopg.errors import LockNotAvailable

from messaging import events
from messaging.company import Apart
from messaging.domain.job import JobId
from messaging.domain.outcome import Outcome
from messaging.postgres import jobs
from messaging.postgres.connect import AWAY
from messaging.postgres.jobs import Settling
from messaging.runtime import Runtime
from messaging.steps.insisting import insist

_LONGEST = timedelta(minutes=10)
"""How long an answer is kept while Postgres is away. Much longer than the send lease: an answer
with a SID still counts when its job is in doubt already, and spares Twilio's list a question."""
_HELD = timedelta(milliseconds=200)
"""How long several wait together for a row that somebody holds."""


def settle(
    rt: Runtime,
    outcomes: Sequence[Outcome],
    queue: str | None,
    entries: Mapping[JobId, int] | None = None,
    rules: str | None = None,
) -> set[JobId]:
    """Writes what attempts came to, in one statement with whoever settles at the same time.

    Returns the jobs that were not settled. `entries` are the numbers of their entries in the queue,
    `rules` the key of the rulebook that they were judged by.

    While Postgres is away it tries again, until this process is to stop. Where it refuses a
    group, each outcome is tried alone. What could not be written stays in processing, and the
    sweep puts it in doubt. A commit whose answer got lost is tried again too: the second time
    changes nothing.
    """
    settling = Settling(outcomes=outcomes, queue=queue, entries=entries or {}, rules=rules)
    try:
        return insist(rt, lambda: _write(rt, settling), _LONGEST)
    except psycopg.Error as error:
        if len(outcomes) > 1 and not isinstance(error, AWAY):
            return {
                id for outcome in outcomes for id in settle(rt, [outcome], queue, entries, rules)
            }
        events.answers_unwritten(jobs=len(outcomes), error=type(error).__name__)
        return settling.ids


def _write(rt: Runtime, settling: Settling) -> set[JobId]:
    return rt.settles.join(settling, together=partial(_together, rt), alone=partial(_alone, rt))


def _together(rt: Runtime, group: Sequence[Settling]) -> Sequence[set[JobId] | Apart]:
    """One statement for all, unless somebody holds a row of theirs: the others must not wait for
    that."""
    if len(group) == 1:
        return [_alone(rt, group[0])]
    ids = [settling.ids for settling in group]
    wanted = set[JobId]().union(*ids)
    if len(wanted) < sum(map(len, ids)):
        raise Apart  # two attempts of one job: one after the other
    try:
        with rt.db.connection() as conn:
            unsettled = jobs.settle_all(conn, group, _HELD)
    except LockNotAvailable as error:
        raise Apart from error
    except AWAY:
        raise
    except psycopg.Error as error:
        raise Apart from error  # one of them cannot be stored
    return [unsettled & mine for mine in ids]


def _alone(rt: Runtime, settling: Settling) -> set[JobId]:
    with rt.db.connection() as conn:
        return jobs.settle_all(conn, [settling])
