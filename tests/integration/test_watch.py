"""What `messaging chaos` sees of leases and claims."""

from collections.abc import Callable

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.job import JobId
from messaging.local.chaos.watch import Watch
from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind
from messaging.postgres import jobs
from messaging.runtime import Runtime
from tests.integration.story import end_leases, in_doubt, insert, take


def connecting(rt: Runtime) -> Callable[[], Connection[TupleRow]]:
    return lambda: psycopg.connect(rt.settings.direct_url, autocommit=True)


def test_leases_of_texts_that_wait_are_seen_and_not_of_those_in_doubt(
    rt: Runtime, db: Connection[TupleRow], twilio: Simulator
) -> None:
    in_doubt(rt, db, twilio, Kind.RESET_BEFORE)
    waiting = insert(db)
    end_leases(db)
    assert [waiting] == [hint.job_id for hint in take(rt)]
    with Watch(connecting(rt), rt.settings.entry_lease) as watch:
        assert wait_until(lambda: bool(watch.seen().leases), limit=10)
    assert {str(waiting)} == set(watch.seen().leases)


def test_claims_are_seen(rt: Runtime, db: Connection[TupleRow]) -> None:
    id = JobId(insert(db))
    take(rt)
    with rt.db.connection() as conn:
        jobs.claim(conn, [id], rt.settings.lease)
    with Watch(connecting(rt), rt.settings.entry_lease) as watch:
        assert wait_until(lambda: bool(watch.seen().claims), limit=10)
    assert {(str(id), 1)} == set(watch.seen().claims)
