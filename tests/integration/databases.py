"""Databases for tests of the SQL itself: empty ones, Supabase's, one that is rolled back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import wait_until
from tests import servers
from tests.integration.story import insert

Database = Connection[TupleRow]
SID = "SM" + "0" * 32

ROLES = "anon, authenticated, service_role"
SUPABASE = """
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on functions to anon, authenticated, service_role;
create schema auth;
create table auth.users (id uuid primary key default gen_random_uuid(), email text);
"""
"""What a Supabase project has before anything of ours, as far as the migrations meet it."""

_numbers = count(1)


@contextmanager
def empty(server: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a database with nothing in it, which is dropped afterwards."""
    with _dropped(server, "") as url:
        yield url


@contextmanager
def migrated(server: EmbeddedPostgres) -> Iterator[str]:
    """The same with our migrations, for a whole file of tests that leave it as they found it."""
    with _dropped(server, f"template {servers.MIGRATED}") as url:
        yield url


@contextmanager
def supabase(server: EmbeddedPostgres) -> Iterator[str]:
    """The same as a Supabase project has it: its roles and auth.users, which go as well."""
    try:
        with empty(server) as url:
            with psycopg.connect(url) as conn:
                conn.execute(SUPABASE)
            yield url
    finally:
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(f"drop role if exists {ROLES}".encode())


@contextmanager
def rolled_back(url: str) -> Iterator[Database]:
    """A connection in one transaction that is never committed: a test's own view of `url`."""
    with psycopg.connect(url) as conn, conn.transaction(force_rollback=True):
        yield conn


@contextmanager
def _dropped(server: EmbeddedPostgres, options: str) -> Iterator[str]:
    name = f"scratch_{next(_numbers)}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {name} {options}".encode())
        try:
            yield servers.database(server, name)
        finally:
            conn.execute(f"drop database {name} with (force)".encode())


def expect_waiting(url: str, count: int) -> None:
    """Returns when so many connections to the database wait for a lock."""
    waiting = """
        select count(*) from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database()
    """
    with psycopg.connect(url, autocommit=True) as conn:
        assert wait_until(lambda: one(conn, waiting) == count, limit=10)


def force(db: Database, status: str, **columns: object) -> UUID:
    """A job in any status, past the triggers, with these columns besides."""
    id = insert(db)
    change(db, id, {"status": status, **columns})
    return id


def change(db: Database, id: UUID, columns: Mapping[str, object]) -> None:
    """Sets columns of a job past the triggers."""
    changes = ", ".join(f"{name} = %({name})s" for name in columns)
    values = {
        name: Jsonb(value) if isinstance(value, dict) else value for name, value in columns.items()
    }
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        db.execute(
            f"update message_jobs set {changes} where id = %(id)s".encode(), {**values, "id": id}
        )
        db.execute("set local session_replication_role = origin")


def one(db: Database, statement: str, *values: object) -> object:
    """The only value that a statement returns."""
    row = db.execute(statement.encode(), values or None).fetchone()
    assert row is not None
    return row[0]
