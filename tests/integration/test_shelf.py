"""A database that one test gave back is to the next one as good as new."""

import psycopg
import pytest

from messaging.local.postgres import EmbeddedPostgres
from tests import servers
from tests.integration.databases import one
from tests.integration.story import insert
from tests.shelf import Shelf

WHO = "select oid::text from pg_database where datname = current_database()"
"""Which database it is, whatever its name is at the time."""


@pytest.fixture
def shelf(postgres: EmbeddedPostgres) -> Shelf:
    """One with nothing on it."""
    return Shelf(postgres)


def used(shelf: Shelf, *statements: str) -> str:
    """A database in which this was done, given back; says which it was."""
    url = shelf.take()
    with psycopg.connect(url, autocommit=True) as db:
        who = str(one(db, WHO))
        for statement in statements:
            db.execute(statement.encode())
    shelf.give_back(url)
    return who


def taken(shelf: Shelf) -> str:
    """Which database the next test gets."""
    url = shelf.take()
    with psycopg.connect(url, autocommit=True) as db:
        who = str(one(db, WHO))
    shelf.give_back(url)
    return who


def test_a_database_whose_rows_changed_comes_back_empty(shelf: Shelf) -> None:
    first = shelf.take()
    with psycopg.connect(first, autocommit=True) as db:
        who = one(db, WHO)
        id = insert(db)
        (entry,) = db.execute("select msg_id from pgmq.q_sms_queue").fetchall()[0]
    shelf.give_back(first)
    second = shelf.take()
    with psycopg.connect(second, autocommit=True) as db:
        assert who == one(db, WHO)
        for table in ("message_jobs", "pgmq.q_sms_queue", "messaging.message_events"):
            assert 0 == one(db, f"select count(*) from {table}")
        assert id != insert(db)
        assert entry == one(db, "select msg_id from pgmq.q_sms_queue"), "numbers begin anew"
    shelf.give_back(second)


@pytest.mark.parametrize(
    "change",
    [
        "create table more ()",
        "create function more() returns int language sql as 'select 1'",
        "alter table message_jobs set (fillfactor = 50)",
        "alter table message_jobs disable trigger all",
        "alter table message_jobs force row level security",
        "alter table message_jobs add check (priority > -1000)",
        "drop index messaging.message_events_job",
        "comment on table message_jobs is 'Another one'",
        "grant select on message_jobs to public",
        "analyze message_jobs",
        "delete from messaging.dialing_codes where prefix = (select min(prefix) "
        "from messaging.dialing_codes)",
        "update pgmq.meta set created_at = now()",
        "do $$ begin execute 'alter database ' || current_database() "
        "|| ' set lock_timeout = 1'; end $$",
    ],
)
def test_a_database_in_which_more_than_rows_changed_is_not_used_again(
    shelf: Shelf, change: str
) -> None:
    assert used(shelf, change) != taken(shelf)


def test_a_sequence_that_no_row_tells_of_begins_anew(shelf: Shelf) -> None:
    used(shelf, "select nextval('pgmq.q_sms_queue_msg_id_seq')")
    url = shelf.take()
    with psycopg.connect(url, autocommit=True) as db:
        assert 1 == one(db, "select nextval('pgmq.q_sms_queue_msg_id_seq')")
    shelf.give_back(url)


def test_whoever_forgot_to_close_a_connection_is_not_there_any_more(shelf: Shelf) -> None:
    url = shelf.take()
    with psycopg.connect(url, autocommit=True) as forgotten:
        shelf.give_back(url)
        again = shelf.take()
        with pytest.raises(psycopg.OperationalError):
            forgotten.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)
    shelf.give_back(again)


def test_a_database_that_the_test_dropped_is_not_missed(
    shelf: Shelf, postgres: EmbeddedPostgres
) -> None:
    url = shelf.take()
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute(f"drop database {url.rpartition('/')[2]}".encode())
    shelf.give_back(url)
    with psycopg.connect(servers.database(postgres, "postgres")) as conn:
        assert 0 == one(conn, "select count(*) from pg_database where datname = %s", url)
