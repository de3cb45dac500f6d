"""Promotes jobs whose time has come into their queues, and ends those whose time is over."""

from collections.abc import Callable
from datetime import timedelta

from messaging import events
from messaging.expiring import hurried_at_once
from messaging.postgres import jobs
from messaging.postgres.connect import single
from messaging.postgres.jobs import Postgres
from messaging.runtime import Runtime

_BATCH = 5000
_MOST = 100_000
"""Jobs in one go: what is left waits for the next second, so that no task runs for long."""


def promote(rt: Runtime) -> int:
    """Puts due jobs into their queues and returns how many. Any number may run at once.

    What is past its deadline expires instead, wherever it waits; what is close to it overtakes.
    Where there is nothing to do, one look tells, and tells what else has.
    """
    within = timedelta(seconds=rt.settings.hurry_within)
    with single(rt.db) as conn:
        due = jobs.due_now(conn, within)
    rt.lookout.note(due)
    if not due.promotion:
        return 0
    expired = _in_batches(rt, jobs.expire)
    promoted = _in_batches(rt, jobs.promote)
    hurried = _hurry(rt, within)
    if expired or promoted or hurried:
        events.jobs_promoted(jobs=promoted, expired=expired, hurried=hurried)
    return promoted


def _in_batches(rt: Runtime, act: Callable[[Postgres, int], int]) -> int:
    done = 0
    while done < _MOST:
        with rt.db.connection() as conn:
            batch = act(conn, _BATCH)
        done += batch
        if batch < _BATCH:
            break
    return done


def _hurry(rt: Runtime, within: timedelta) -> int:
    if not within:
        return 0
    most = hurried_at_once(rt.settings.sends_per_second)
    with rt.db.connection() as conn:
        return jobs.hurry(conn, within, most)
