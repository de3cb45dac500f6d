"""Bare rows are found by their ids, however many texts wait, and whatever the planner believes."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from messaging.domain import draft
from messaging.domain.draft import Draft
from messaging.domain.job import JobId, Lane
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import bare
from messaging.postgres.jobs import Postgres
from tests.integration.databases import migrated, rolled_back
from tests.plans.test_plans import FEW, READ

BARE = """
insert into message_jobs (recipient_phone, message_content)
values ('+15555550100', 'bare')
returning id
"""
REFUSED = "it cannot be sent"
LIFETIMES = {lane: timedelta(hours=1) for lane in Lane}


def prepare(db: Postgres, id: JobId) -> None:
    assert [id] == [row.id for row in bare.unprepared(db, [id])]
    prepared = draft.prepare(Draft(to="+15555550100", body="bare"), None, None)
    assert {id} == bare.prepare(db, {id: prepared}, LIFETIMES)


def refuse(db: Postgres, id: JobId) -> None:
    assert bare.refuse(db, id, REFUSED)


@pytest.mark.parametrize("step", [prepare, refuse])
def test_a_bare_row_is_found_by_its_id_where_many_wait_that_the_planner_does_not_know_of(
    postgres: EmbeddedPostgres, step: Callable[[Postgres, JobId], None]
) -> None:
    """It took 76 s to prepare a hundred behind a million that had come since the last analyze."""
    with migrated(postgres) as url, rolled_back(url) as db:
        db.execute(FEW, {"first": 1, "last": 100})
        db.execute("update message_jobs set status = 'canceled'")
        db.execute("analyze message_jobs")
        db.execute(FEW, {"first": 101, "last": 20_000})
        ((id,),) = db.execute(BARE).fetchall()

        def read() -> int:
            found = db.execute(READ, {"tables": ["public.message_jobs"]}).fetchall()
            return sum(rows for _, _, rows in found)

        before = read()
        step(db, id)
        assert read() - before < 50
