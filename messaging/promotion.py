"""Promotes jobs whose time has come into their queues."""

from messaging import events
from messaging.postgres import jobs
from messaging.runtime import Runtime

_BATCH = 5000
_MOST = 100_000
"""Jobs in one go: what is left waits for the next second, so that no task runs for long."""


def promote(rt: Runtime) -> int:
    """Puts due jobs into their queues and returns how many. Any number may run at once."""
    promoted = 0
    while promoted < _MOST:
        with rt.db.connection() as conn:
            batch = jobs.promote(conn, _BATCH)
        promoted += batch
        if batch < _BATCH:
            break
    if promoted:
        events.jobs_promoted(jobs=promoted)
    return promoted
