"""Migrations, on every PostgreSQL and pgmq that they promise to work with."""

import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql
from psycopg import errors

from messaging import runtime, upkeep
from messaging.domain.job import JobId, Lane
from messaging.errors import Misconfigured
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.simulator import Simulator
from messaging.postgres import jobs, queues
from messaging.postgres.migrate import Migration, all_migrations, migrate, standing
from messaging.promotion import promote
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.databases import Database, empty, one, supabase
from tests.integration.story import entries, insert, work

HERE = Path(__file__).parent
ORIGINAL = (HERE / "original_tables.sql").read_text(encoding="utf-8")
OLD_PGMQ = (HERE / "old_pgmq.sql").read_text(encoding="utf-8")
DEBIAN = Path("/usr/lib/postgresql/15/bin")
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
    """A message goes in, is leased, claimed and settled, and the figures can be read."""
    with psycopg.connect(url, autocommit=True) as conn:
        id = JobId(insert(conn, prepared_at="2026-01-01 00:00:00+00"))
        (entry,) = queues.lease(conn, "sms_queue", timedelta(minutes=1), 10)
        assert id == entry.job_id
        queues.release(conn, "sms_queue", [entry.msg_id], timedelta(0))
        assert [id] == [claim.id for claim in jobs.claim(conn, [id], timedelta(seconds=-1))]
        assert [id] == jobs.sweep_processing(conn)
        assert ["urgent", "normal", "dead"] == [depth.lane for depth in queues.depths(conn)]
        queues.delete(conn, "sms_queue", [entry.msg_id])
        assert [] == entries(conn)


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
    assert {"create", "send", "send_batch", "read", "set_vt", "delete", "metrics"} == {
        name for name, _ in called
    }


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


@pytest.fixture
def original(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database of the original architecture, with what it may have left in its tables."""
    with supabase(postgres) as url:
        with psycopg.connect(url) as conn:
            conn.execute(get_embedded_install_sql().encode())
            conn.execute(ORIGINAL.encode())
        yield url


@pytest.fixture
def upgraded(original: str, redis_url: str, twilio: Simulator) -> Iterator[Runtime]:
    """The same, migrated, and at work."""
    migrate(original)
    rt = runtime.build(
        load(
            {
                "DATABASE_URL": original,
                "REDIS_URL": redis_url,
                "TWILIO_ACCOUNT_SID": twilio.config.account_sid,
                "TWILIO_AUTH_TOKEN": twilio.config.auth_token,
                "TWILIO_MESSAGING_SERVICE_SID": twilio.config.messaging_services[0],
                "TWILIO_API_BASE_URL": twilio.base_url,
            }
        )
    )
    yield rt
    rt.close()


def statuses(conn: Database) -> dict[str, str]:
    """The status of each of the original's jobs, by the beginning of its text."""
    return dict(
        conn.execute(
            "select left(coalesce(nullif(message_content, ''), 'nothing'), 24), "
            "status from message_jobs where message_content not like %s or status <> 'failed'",
            ["too long%"],
        ).fetchall()
    )


def test_the_originals_rows_are_kept(original: str) -> None:
    columns = (
        "select id, user_id, recipient_phone, message_content, template_id, scheduled_for, "
        "twilio_sid, created_at, sent_at from message_jobs order by id"
    )
    with psycopg.connect(original, autocommit=True) as conn:
        before = conn.execute(columns).fetchall()
        queued = entries(conn)
        migrate(original)
        assert before == conn.execute(columns).fetchall()
        assert queued == entries(conn)
        assert {
            "pending with an entry": "pending",
            "pending without an entry": "pending",
            "urgent with an entry": "pending",
            "in processing": "processing",
            "sent": "sent",
            "failed": "failed",
            "scheduled, due": "scheduled",
            "scheduled, later": "scheduled",
            "of nulls": "pending",
            "a hundred retries": "pending",
            "to nobody": "failed",
            "nothing": "failed",
            "in a status of their own": "failed",
        } == statuses(conn)
        assert 2 == one(
            conn,
            "select count(*) from message_jobs where message_content like 'too long%' "
            "and status = 'failed'",
        )


def test_an_upgraded_database_sends_what_was_waiting_and_nothing_else(
    upgraded: Runtime, twilio: Simulator
) -> None:
    for lane in Lane:
        work(upgraded, lane)
    assert 1 == promote(upgraded)
    with upgraded.db.connection() as conn:
        jobs.restore_entries(conn, timedelta(0))
    for lane in Lane:
        work(upgraded, lane)
    upkeep.sweep(upgraded)

    expected = [
        "a hundred retries",
        "of nulls",
        "pending with an entry",
        "pending without an entry",
        "scheduled, due",
        "urgent with an entry",
    ]
    assert expected == sorted(message.body for message in twilio.ledger.outbound)
    with upgraded.db.connection() as conn:
        after = statuses(conn)
        assert {"sent"} == {after[body] for body in [*expected, "sent"]}
        assert ("in_doubt", "scheduled") == (after["in processing"], after["scheduled, later"])
        due = one(conn, "select due_at = scheduled_for from message_jobs where status='scheduled'")
        assert due
        assert [] == entries(conn)


def test_two_templates_of_one_name_stop_the_upgrade_and_say_so(original: str) -> None:
    with psycopg.connect(original) as conn:
        conn.execute(
            "insert into message_templates (name, content_template) values ('a', 'x'), ('a', 'y')"
        )
    with pytest.raises(errors.UniqueViolation, match=r"Key \(name\)=\(a\) is duplicated"):
        migrate(original)
    assert ALL[:1] == applied(original)
