"""Sessions in Postgres: what is left of them when they are given back, and what dies with them."""

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.job import Lane
from messaging.local.process import wait_until
from messaging.postgres import bell
from messaging.postgres.bell import Bell
from messaging.postgres.connect import single
from messaging.runtime import Runtime
from tests.integration.story import insert
from tests.integration.test_bridge import A_WHILE

Database = Connection[TupleRow]


def session(rung: Bell | None) -> int:
    """The server process that keeps this turn."""
    assert rung
    return rung._conn.info.backend_pid


def free_bells(rt: Runtime) -> int:
    return rt.bells.get_stats()["pool_available"]


def locks(db: Database) -> int:
    return len(db.execute("select 1 from pg_locks where locktype = 'advisory'").fetchall())


def test_a_turn_leaves_its_session_without_locks_to_the_next_one(rt: Runtime, db: Database) -> None:
    with bell.turn(rt.bells, Lane.NORMAL, A_WHILE, rt.stopping) as rung:
        first = session(rung)
        assert 1 == locks(db)
    assert wait_until(lambda: free_bells(rt) == 1, limit=5)
    assert 0 == locks(db)
    with bell.turn(rt.bells, Lane.URGENT, A_WHILE, rt.stopping) as rung:
        assert first == session(rung)
        insert(db)
        assert rung
        assert not rung.wait(A_WHILE / 1000), "it listens for its own lane"
        insert(db, priority=9)
        assert rung.wait(A_WHILE)


def test_a_session_that_has_died_between_two_turns_is_replaced(rt: Runtime, db: Database) -> None:
    with bell.turn(rt.bells, Lane.NORMAL, A_WHILE, rt.stopping) as rung:
        first = session(rung)
    assert wait_until(lambda: free_bells(rt) == 1, limit=5)
    db.execute("select pg_terminate_backend(%s, 5000)", [first])
    with bell.turn(rt.bells, Lane.NORMAL, A_WHILE, rt.stopping) as rung:
        assert first != session(rung)


def test_each_statement_of_a_look_is_a_transaction_and_the_connection_is_given_back_as_it_was(
    rt: Runtime, db: Database
) -> None:
    def look() -> None:
        with single(rt.db) as conn:
            conn.execute("create table looked ()")
            assert db.execute("select from looked").fetchall() == []
            conn.execute("select 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        look()
    with rt.db.connection() as conn:
        assert not conn.autocommit
        conn.execute("drop table looked")
        assert db.execute("select from pg_tables where tablename = 'looked'").fetchall()
        conn.rollback()
    assert db.execute("select from looked").fetchall() == []


def test_a_look_whose_session_dies_says_so(rt: Runtime, db: Database) -> None:
    def look(*, die: bool) -> bool:
        with single(rt.db) as conn:
            if die:
                db.execute("select pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])
            return conn.execute("select 1").fetchone() == (1,)

    with pytest.raises(psycopg.OperationalError):
        look(die=True)
    assert look(die=False)
