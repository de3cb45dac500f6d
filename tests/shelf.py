"""Databases for tests: migrated, clean, each with a name that none had before.

To copy the template costs ten times what it costs to clean a copy, so a database whose schema a
test left alone is emptied and given to the next test. One that a test changed is dropped.
"""

from itertools import count

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.local.postgres import EmbeddedPostgres
from tests import servers

_OTHERS = """
    select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
"""
_WRITTEN = """
    select oid::regclass::text from pg_class
    where relkind = 'r' and oid >= 16384 and pg_relation_size(oid) > 0
"""
"""Our tables that have, or had, rows: to the server, what is its own has lower numbers."""
_CATALOGS = (
    "pg_attrdef", "pg_attribute", "pg_cast", "pg_collation", "pg_constraint", "pg_default_acl",
    "pg_description", "pg_enum", "pg_event_trigger", "pg_extension", "pg_foreign_server",
    "pg_index", "pg_inherits", "pg_init_privs", "pg_largeobject_metadata", "pg_namespace",
    "pg_policy", "pg_proc", "pg_publication", "pg_rewrite", "pg_statistic", "pg_statistic_ext",
    "pg_trigger", "pg_type",
)  # fmt: skip
"""Each change of one of their rows makes a row with a newer xmin, or one fewer."""
_TABLES = """
    select sum(hashtextextended(row(oid, relname, relnamespace, relowner, relacl, relkind,
        relnatts, relchecks, relhasrules, relhastriggers, relrowsecurity, relforcerowsecurity,
        reloptions, relpersistence, relreplident, relkind = 'r' and reltuples >= 0)::text, 0))
    from pg_class where oid >= 16384
"""
"""Not by xmin: a truncate, too, makes another row of pg_class. It also forgets how many rows the
planner knew of, unless there were none."""
_SEQUENCES = "select string_agg(last_value::text, ',') from pg_sequences"
_OF_DATABASE = """
    select row(datacl, datconnlimit, array(
        select setconfig::text from pg_db_role_setting where setdatabase = d.oid
    )) from pg_database as d where datname = current_database()
"""

_numbers = count(1)


class Shelf:
    """The databases of a server that wait for a test."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        """None is made yet. The server must have a migrated database."""
        self._server = server
        self._clean: list[str] = []
        with psycopg.connect(servers.database(server, servers.MIGRATED), autocommit=True) as conn:
            self._seeded = _written(conn)
            self._state = _state_of(self._seeded, since=_newest(conn))
            self._as_migrated = conn.execute(self._state).fetchone()

    def take(self) -> str:
        """The URL of a migrated database that nobody else has."""
        name = f"test_{next(_numbers)}"
        with psycopg.connect(self._server.url, autocommit=True) as conn:
            if self._clean:
                # Whoever still knows the old name, such as a pool that a test forgot, finds nobody.
                conn.execute(f"alter database {self._clean.pop()} rename to {name}".encode())
            else:
                conn.execute(f"create database {name} template {servers.MIGRATED}".encode())
        return servers.database(self._server, name)

    def give_back(self, url: str) -> None:
        """Keeps the database, emptied, where nothing but rows was changed in it; else drops it."""
        name = url.rpartition("/")[2]
        if self._is_cleaned(url):
            self._clean.append(name)
            return
        with psycopg.connect(self._server.url, autocommit=True) as conn:
            conn.execute(f"drop database if exists {name} with (force)".encode())

    def _is_cleaned(self, url: str) -> bool:
        try:
            with psycopg.connect(url, autocommit=True) as conn:
                conn.execute(_OTHERS)
                if written := _written(conn) - self._seeded:
                    tables = ", ".join(sorted(written))
                    # The ledger of consent refuses it.
                    conn.execute("set session_replication_role = replica")
                    conn.execute(f"truncate {tables} restart identity cascade".encode())
                return conn.execute(self._state).fetchone() == self._as_migrated
        except psycopg.OperationalError:  # the test has dropped it, or lets nobody in
            return False


def _written(conn: Connection[TupleRow]) -> set[str]:
    return {name for (name,) in conn.execute(_WRITTEN)}


def _newest(conn: Connection[TupleRow]) -> str:
    row = conn.execute("select pg_current_xact_id()::xid::text").fetchone()
    assert row is not None
    return str(row[0])


def _state_of(seeded: set[str], *, since: str) -> bytes:
    """A statement that gives a row: another one where anything but rows of others was changed."""
    counted = [
        f"select row(count(*), min(age(xmin)) < age('{since}'::xid)) from {table}"
        for table in (*_CATALOGS, *sorted(seeded))
    ]
    parts = (*counted, _TABLES, _SEQUENCES, _OF_DATABASE)
    return f"select {', '.join(f'({part})::text' for part in parts)}".encode()
