"""Migrations, on every PostgreSQL and pgmq that they promise to work with."""

import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql
from psycopg import errors

from messaging.domain.dead import Filter
from messaging.domain.draft import Draft, prepare
from messaging.domain.entries import Hint, Letter, entry_of
from messaging.domain.job import JobId, Sid, Status
from messaging.domain.outcome import Outcome
from messaging.domain.receipt import Receipt
from messaging.errors import Misconfigured
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import dead, doubts, enqueuing, figures, jobs, messages, queues
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.migrate import Migration, all_migrations, migrate, standing
from tests.integration.databases import SID, Database, empty, one, supabase
from tests.integration.story import TO, insert

HERE = Path(__file__).parent
ORIGINAL = (HERE / "original_tables.sql").read_text(encoding="utf-8")
OLD_PGMQ = (HERE / "old_pgmq.sql").read_text(encoding="utf-8")
DEBIAN = Path("/usr/lib/postgresql/15/bin")
EARLIER = datetime(2020, 1, 1, tzinfo=UTC)
ALL = [migration.version for migration in all_migrations()]

MakeDatabase = Callable[[EmbeddedPostgres], AbstractContextManager[str]]


@pytest.fixture(scope="module", params=[15, 16, 18])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedPostgres]:
    """A server of each version; 15 is Debian's, where it is installed."""
    if request.param == 18:
        yield request.getfixturevalue("postgres")
        return
    if request.param == 15 and not DEBIAN.exists():
        pytest.skip("Debian's PostgreSQL 15 is not installed here.")
    folder = tmp_path_factory.mktemp(f"postgres{request.param}")
    programs = DEBIAN if request.param == 15 else None
    with EmbeddedPostgres(folder, version=16, programs=programs, durable=False) as older:
        yield older


@pytest.fixture
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """An empty database."""
    with empty(postgres) as url:
        yield url


def versions(migrations: tuple[Migration, ...]) -> list[str]:
    return [migration.version for migration in migrations]


def applied(url: str) -> list[str]:
    return [each.migration.version for each in standing(url) if each.applied]


def expect_it_works(url: str) -> None:
    """A message goes all the way, and everything that the service asks of SQL is answered."""
    with psycopg.connect(url, autocommit=True) as conn:
        bare = insert(conn, scheduled_for="2090-01-01 00:00:00+00")
        assert "rescheduled" == messages.reschedule(conn, JobId(bare), EARLIER)
        assert 1 == jobs.promote(conn, 10)
        assert "canceled" == messages.cancel(conn, JobId(bare))
        draft = {"recipient_phone": TO, "message_content": "Hello", "prepared": True}
        (answer,) = messages.enqueue(conn, [{**draft, "idempotency_key": "once"}])
        prepared = prepare(Draft(to=TO, body="Hello", idempotency_key="once"), None, None)
        (again,) = enqueuing.enqueue(conn, {1: prepared}, Defaults())
        assert ("created", "duplicate", answer.id) == (answer.result, again.result, again.id)
        id = JobId(answer.id or bare)

        canceled, entry = queues.lease(conn, "sms_queue", timedelta(minutes=1), 10)
        assert (bare, id) == (canceled.job_id, entry.job_id)
        queues.delete(conn, "sms_queue", [canceled.msg_id])
        queues.release(conn, "sms_queue", [entry.msg_id], timedelta(0))
        assert [id] == [claim.id for claim in jobs.claim(conn, [id], timedelta(seconds=-1))]
        assert [id] == jobs.sweep_processing(conn)
        assert [id] == [doubt.id for doubt in doubts.in_doubt_due(conn, timedelta(0), 10)]
        sent = Outcome(job_id=id, attempt=1, status=Status.SENT, twilio_sid=Sid(SID))
        hint = Hint(job_id=id, msg_id=entry.msg_id)
        assert {id} == jobs.settle(conn, [sent], "sms_queue", [hint])
        receipt = Receipt(sid=Sid(SID), status="delivered")
        assert [id] == [each.job_id for each in messages.record_receipts(conn, [receipt])]

        queues.bury(conn, "sms_queue", Letter(entry=entry_of(0, "{}"), reason="none"))
        assert [0, 0, 1] == [depth.queue_length for depth in queues.depths(conn)]
        (letter,) = dead.find(conn, Filter(), 10)
        (seen,) = dead.discard(conn, [], [letter.msg_id or 0], None, dry_run=False)
        assert ("unreadable", "discarded") == (letter.kind, seen.result)
        assert 0 == jobs.restore_entries(conn, timedelta(0))
        assert (1, 1) == (figures.read(conn).recent.sent, figures.read(conn).recent.delivered)
        expect_ids_in_order(conn, [bare, id])


def expect_ids_in_order(conn: Database, earlier: list[UUID]) -> None:
    """RFC 9562, version 7: the milliseconds since 1970 come first, whoever chose the id."""
    now = conn.execute("select extract(epoch from clock_timestamp()) * 1000").fetchone()
    prepared = prepare(Draft(to=TO, body="Hello"), None, None)
    (answer,) = enqueuing.enqueue(conn, {1: prepared}, Defaults())
    assert answer.id is not None
    ids = [*earlier, answer.id]
    assert [7, 7, 7] == [id.version for id in ids]
    times = [id.int >> 80 for id in ids]
    assert times == sorted(times)
    assert now is not None
    assert now[0] - 60_000 < times[0] <= times[-1] <= now[0] + 60_000


@pytest.mark.parametrize("database", [empty, supabase])
def test_they_work_on_every_server_with_and_without_supabases_own(
    server: EmbeddedPostgres, database: MakeDatabase
) -> None:
    with database(server) as url:
        assert ALL == versions(migrate(url))
        assert ALL == applied(url)
        assert () == migrate(url)
        expect_it_works(url)
        with psycopg.connect(url) as conn:
            references = "select count(*) from pg_constraint where conname like '%user_id_fkey'"
            assert (database is supabase) == bool(one(conn, references))


def test_a_plain_user_who_owns_the_database_may_run_them(postgres: EmbeddedPostgres) -> None:
    with empty(postgres) as url, psycopg.connect(postgres.url, autocommit=True) as conn:
        name = url.rpartition("/")[2]
        conn.execute("create role plain login password 'plain'")
        conn.execute(f"alter database {name} owner to plain".encode())
        mine = re.sub(r"//.*@", "//plain:plain@", url)
        try:
            assert ALL == versions(migrate(mine))
            expect_it_works(mine)
        finally:
            conn.execute(f"drop database {name} with (force)".encode())
            conn.execute("drop role plain")
            conn.execute(f"create database {name}".encode())


def test_who_could_hand_messages_over_before_can_do_so_after(url: str) -> None:
    names = [each.name for each in all_migrations()]
    migrate(url, migrations=all_migrations()[: names.index("bulk")])
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create role shop")
        conn.execute("grant execute on function messaging.enqueue to shop")
        try:
            migrate(url)
            may = "select has_function_privilege(%s, 'messaging.enqueue_prepared'::regproc, %s)"
            assert one(conn, may, "shop", "execute")
            assert not one(conn, may, "pg_monitor", "execute")
        finally:
            conn.execute("drop owned by shop")
            conn.execute("drop role shop")


def test_several_migrators_apply_each_file_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(migrate, [url] * 4))
    assert ALL == sorted(version for migrations in done for version in versions(migrations))
    assert ALL == applied(url)


def test_looking_changes_nothing(url: str) -> None:
    assert [] == applied(url)
    assert len(ALL) == len(standing(url))
    with psycopg.connect(url) as conn:
        assert None is one(conn, "select to_regnamespace('messaging')")


def test_an_applied_file_that_has_changed_is_refused(url: str) -> None:
    first, *rest = all_migrations()
    migrate(url, migrations=[first])
    changed = replace(first, sql=first.sql + "\n-- changed")
    with pytest.raises(Misconfigured) as caught:
        migrate(url, migrations=[changed, *rest])
    assert str(caught.value) == (
        f"Migration {first.version}_{first.name} was applied with other content. "
        "An applied file must not change: restore it, and write a new migration instead."
    )
    assert ALL[:1] == applied(url)


def test_a_file_that_fails_leaves_those_before_it(url: str) -> None:
    first, second, third, *rest = all_migrations()
    failing = replace(third, sql=f"{third.sql}\nselect 1 / 0;")
    with pytest.raises(errors.DivisionByZero):
        migrate(url, migrations=[first, second, failing, *rest])
    assert ALL[:2] == applied(url)
    with psycopg.connect(url) as conn:
        assert None is one(conn, "select to_regprocedure('messaging.can_become(text, text)')")
    assert ALL[2:] == versions(migrate(url))
    expect_it_works(url)


def test_a_table_that_somebody_holds_is_not_waited_for_without_end(
    postgres: EmbeddedPostgres,
) -> None:
    with supabase(postgres) as url, psycopg.connect(url) as reader:
        reader.execute(get_embedded_install_sql().encode())
        reader.execute(ORIGINAL.encode())
        reader.commit()
        reader.execute("select count(*) from message_jobs")
        with pytest.raises(errors.LockNotAvailable):
            migrate(url, lock_timeout="50ms")
        assert ALL[:1] == applied(url)
        reader.rollback()
        assert ALL[1:] == versions(migrate(url))


def test_what_supabase_has_pushed_counts_as_applied(url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute(get_embedded_install_sql().encode())
        for migration in all_migrations():
            conn.execute(migration.sql.encode())
        push_ledger(conn, ALL)
    assert ALL == applied(url)
    assert () == migrate(url)
    assert ALL == applied(url)
    expect_it_works(url)


def test_what_supabase_has_not_pushed_yet_is_applied(url: str) -> None:
    first, *_ = all_migrations()
    with psycopg.connect(url) as conn:
        conn.execute(get_embedded_install_sql().encode())
        conn.execute(first.sql.encode())
        push_ledger(conn, [first.version, "20200101000000"])
    assert ALL[1:] == versions(migrate(url))


def push_ledger(conn: Database, pushed: list[str]) -> None:
    """What the Supabase command line notes of the files that it has applied."""
    conn.execute("create schema supabase_migrations")
    conn.execute(
        "create table supabase_migrations.schema_migrations "
        "(version text primary key, statements text[], name text)"
    )
    for version in pushed:
        conn.execute(
            "insert into supabase_migrations.schema_migrations (version) values (%s)", [version]
        )


def test_plain_psql_runs_them_file_by_file(
    postgres: EmbeddedPostgres, url: str, tmp_path: Path
) -> None:
    pgmq = tmp_path / "pgmq.sql"
    pgmq.write_text(get_embedded_install_sql(), encoding="utf-8")
    files = [pgmq, *sorted((HERE.parents[1] / "migrations").glob("*.sql"))]
    for file in files:
        done = subprocess.run(
            [postgres.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file, url],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (0, "") == (done.returncode, done.stderr)
    expect_it_works(url)


def test_they_say_what_to_do_where_pgmq_is_missing(url: str) -> None:
    with psycopg.connect(url) as conn, pytest.raises(errors.RaiseException) as caught:
        conn.execute(all_migrations()[0].sql.encode())
    assert "pgmq is not installed" == caught.value.diag.message_primary
    assert "messaging migrate" in str(caught.value.diag.message_hint)


def test_they_work_with_supabases_older_pgmq(url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute(OLD_PGMQ.encode())
    assert ALL == versions(migrate(url))
    expect_it_works(url)


COMMON = {
    ("create", 1),
    ("send", 2),
    ("send_batch", 2),
    ("read", 3),
    ("set_vt", 3),
    ("delete", 2),
    ("archive", 2),
    ("metrics", 1),
}
"""Functions and numbers of arguments that pgmq has had from 1.4.4 to 1.13."""


def test_only_what_every_pgmq_has_is_called() -> None:
    folders = (HERE.parents[1] / "migrations", HERE.parents[1] / "messaging/postgres/sql")
    sql = "\n".join(file.read_text() for folder in folders for file in folder.glob("*.sql"))
    called = set(calls(re.sub(r"--[^\n]*", "", sql)))
    assert set() == called - COMMON
    named = {name for name, _ in called}
    assert named == {
        "create", "send", "send_batch", "read", "set_vt", "delete", "archive", "metrics",
    }  # fmt: skip


def calls(sql: str) -> Iterator[tuple[str, int]]:
    """Every call of a function of pgmq, and how many arguments it has."""
    for found in re.finditer(r"\bpgmq\.(\w+)\(", sql):
        depth, arguments, position = 1, 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[position], 0)
            arguments += sql[position] == "," and depth == 1
            position += 1
        yield found[1], arguments


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select pgmq.send('q', msg)", [("send", 2)]),
        ("pgmq.read(%(queue)s, greatest(1, 2), 5)", [("read", 3)]),
        (
            "pgmq.send_batch(q, array(select f(a, b) from c)), pgmq.pop(q)",
            [("send_batch", 2), ("pop", 1)],
        ),
        ("select * from pgmq.q_sms_queue", []),
    ],
)
def test_calls_are_found_with_their_arguments(sql: str, expected: list[tuple[str, int]]) -> None:
    assert expected == list(calls(sql))
