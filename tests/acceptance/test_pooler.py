"""The whole service behind a transaction pooler: nothing of it leans on a session."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from messaging.local.postgres import EmbeddedPostgres
from tests.acceptance.conftest import FEW_THREADS, SHORT_LEASES, SMALL_CHUNKS
from tests.stack.batch import LATEST, Batch, at, drafts, lateness, now
from tests.stack.pooler import SERVERS, program
from tests.stack.stack import Shape, Stack

pytestmark = pytest.mark.skipif(
    program() is None, reason="PgBouncer is not installed: `make pooler` fetches Debian's"
)
POOLED = Shape(workers=2, pooled=True, environment={**SMALL_CHUNKS, **FEW_THREADS, **SHORT_LEASES})


@pytest.fixture(scope="module")
def pooled(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two workers, a bridge, beat and the web process behind a pooler with few connections."""
    with Stack(POOLED, postgres, tmp_path_factory.mktemp("pooled")) as stack:
        yield stack


def test_texts_arrive_once_through_a_pooler(pooled: Stack) -> None:
    urgent = drafts(10, "Urgent and pooled", priority=9)
    times = [now(pooled) + timedelta(seconds=2)] * 10
    batch = Batch.of(pooled, [*drafts(300, "Pooled"), *urgent, *at(times, "Later and pooled")])
    batch.assert_delivered_once(limit=120)
    later = batch.part(310, 320)
    assert [] == [lag for lag in lateness(later, times) if not 0 <= lag < LATEST]


def test_a_text_whose_worker_is_killed_arrives_once_through_a_pooler(pooled: Stack) -> None:
    batch = Batch.of(pooled, drafts(300, "Pooled and hurt"))
    batch.await_sent(1)
    for name in ("worker-1", "bridge"):
        pooled.children[name].kill()
        pooled.children[name].start()
    batch.assert_delivered_once(limit=120)


def test_the_processes_share_few_connections_and_leave_nothing_in_them(pooled: Stack) -> None:
    """What one of them set for its session, others would find: a lock, a limit, a table."""
    Batch.of(pooled, drafts(50, "Shared")).assert_delivered_once(limit=120)
    url = pooled.environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as conn:
        backends = conn.execute(
            """
            select count(*) from pg_stat_activity
            where datname = current_database() and backend_type = 'client backend'
              and query not like '%%advisory%%' and query not like 'listen%%'
            """
        ).fetchone()
        assert backends is not None
        assert backends[0] <= SERVERS + 4
        for _ in range(3 * SERVERS):
            left = conn.execute(
                """
                select
                  current_setting('statement_timeout'),
                  current_setting('lock_timeout'),
                  current_setting('session_replication_role'),
                  (select count(*) from pg_prepared_statements),
                  (select count(*) from pg_class where relpersistence = 't'),
                  (select count(*) from pg_locks
                    where locktype = 'advisory' and pid = pg_backend_pid()),
                  (select count(*) from pg_listening_channels())
                """
            ).fetchone()
            assert ("0", "0", "origin", 0, 0, 0, 0) == left


def test_the_command_line_works_through_a_pooler(pooled: Stack) -> None:
    batch = Batch.of(pooled, drafts(3, "Looked at"))
    batch.assert_delivered_once(limit=120)
    assert "queues" in run(pooled, "queues", "--json")
    assert "sent" == run(pooled, "show", str(batch.ids[0]), "--json")["status"]
    assert run(pooled, "stats", "--json")["sent"] >= 3
    compared = run(pooled, "reconcile", "--since", "-1h", "--json")
    assert compared, compared
    found = {finding["name"]: finding for finding in run(pooled, "check", "--json")["findings"]}
    assert "ok" == found["direct"]["state"], found["direct"]


def test_a_pooler_in_the_way_of_locks_is_told(pooled: Stack) -> None:
    pooler = pooled.environment["DATABASE_URL"]
    said = run(pooled, "check", "--json", DATABASE_DIRECT_URL=pooler)
    found = {finding["name"]: finding for finding in said["findings"]}
    assert "trouble" == found["direct"]["state"], found["direct"]
    assert "DATABASE_DIRECT_URL" in found["direct"]["advice"]


def run(stack: Stack, *words: str, **more: str) -> Any:
    """What a command says, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "messaging", *words],
        env={**stack.environment, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)
