"""Many at once through the Python face: batches, who commits what, and two callers together."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from subprocess import run
from uuid import UUID, uuid4

import psycopg
import pytest

from messaging import Draft, Messaging
from messaging.local.postgres import EmbeddedPostgres
from messaging.outbox import BATCH
from messaging.settings import load
from tests.integration.databases import Database, migrated, one
from tests.integration.story import TO, entries

MORE = BATCH + BATCH // 2
"""Drafts for one full batch and another."""
NO_BOMBS = """
create function refuse_bombs() returns trigger language plpgsql as $$
begin
  if new.message_content = 'bomb' then
    raise exception 'no bombs';
  end if;
  return new;
end $$;
create trigger refuse_bombs before insert on message_jobs
for each row execute function refuse_bombs();
"""

OUTLIVING = f"""
import sys, threading
from messaging import Draft, Messaging
from messaging.settings import load

def hand_over():
    threading.main_thread().join()
    drafts = [Draft(to="{TO}", body="Hello")] * int(sys.argv[2])
    Messaging(load({{"DATABASE_URL": sys.argv[1]}})).enqueue_many(drafts)

threading.Thread(target=hand_over).start()
"""


@pytest.fixture
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def outbox(url: str) -> Iterator[Messaging]:
    with Messaging(load({"DATABASE_URL": url})) as outbox:
        yield outbox


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    """Another connection, which sees what is committed."""
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn


def drafts(count: int) -> list[Draft]:
    return [Draft(to=TO, body=f"n {n}") for n in range(count)]


def count(db: Database) -> object:
    return one(db, "select count(*) from message_jobs")


def test_batches_are_answered_in_order_and_queued_in_order(outbox: Messaging, db: Database) -> None:
    given = drafts(MORE)
    given[BATCH // 2] = Draft(to="call me", body="Hello")
    answers = outbox.enqueue_many(given)
    assert list(range(1, MORE + 1)) == [answer.position for answer in answers]
    assert Counter(created=MORE - 1, refused=1) == Counter(answer.result for answer in answers)
    bodies: dict[UUID, str] = dict(db.execute("select id, message_content from message_jobs"))
    created = {answer.id: given[answer.position - 1].body for answer in answers if answer.id}
    assert bodies == created
    assert [{"job_id": str(id)} for id in created] == entries(db)


@pytest.mark.parametrize("size", [BATCH - 1, BATCH, BATCH + 1, 2 * BATCH])
def test_no_size_of_a_batch_loses_a_draft(outbox: Messaging, db: Database, size: int) -> None:
    assert size == len(outbox.enqueue_many(iter(drafts(size))))
    assert size == count(db)


def test_what_came_before_the_callers_own_error_is_committed(
    outbox: Messaging, db: Database
) -> None:
    def broken() -> Iterator[Draft]:
        yield from drafts(BATCH)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outbox.enqueue_many(broken())
    assert BATCH == count(db)


def test_an_error_of_postgres_comes_before_a_later_one_of_the_callers(
    outbox: Messaging, db: Database
) -> None:
    db.execute(NO_BOMBS.encode())

    def broken() -> Iterator[Draft]:
        yield Draft(to=TO, body="bomb")
        yield from drafts(BATCH - 1)
        raise ZeroDivisionError

    with pytest.raises(psycopg.errors.RaiseException, match="no bombs"):
        outbox.enqueue_many(broken())
    assert 0 == count(db)


def test_an_error_of_postgres_ends_it_after_what_was_committed(
    outbox: Messaging, db: Database
) -> None:
    db.execute(NO_BOMBS.encode())
    bomb = Draft(to=TO, body="bomb")
    with pytest.raises(psycopg.errors.RaiseException, match="no bombs"):
        outbox.enqueue_many([*drafts(BATCH), bomb, *drafts(2 * BATCH)])
    assert BATCH == count(db)


def test_a_thread_that_outlives_the_main_one_hands_all_over(url: str, db: Database) -> None:
    run([sys.executable, "-c", OUTLIVING, url, str(2 * MORE)], check=True, timeout=60)
    assert 2 * MORE == count(db)


def test_one_connection_is_enough(url: str, db: Database) -> None:
    db.execute("insert into message_templates (name, content_template) values ('a', 'Hi')")
    settings = load({"DATABASE_URL": url, "MESSAGING_DATABASE_POOL_SIZE": "1"})
    with Messaging(settings) as outbox:
        answers = outbox.enqueue_many(Draft(to=TO, template="a") for _ in range(MORE))
    assert Counter(created=MORE) == Counter(answer.result for answer in answers)


def test_a_connection_that_binds_on_the_clients_side_may_be_the_callers(
    outbox: Messaging, url: str
) -> None:
    """Django's is one."""
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as conn:
        (answer,) = outbox.enqueue_many([Draft(to=TO, body='100 % of a "b\\')], conn=conn)
        assert "b\\" in str(one(conn, "select message_content from message_jobs"))
    assert "created" == answer.result


def test_the_callers_transaction_holds_all_batches_or_none(
    outbox: Messaging, url: str, db: Database
) -> None:
    with psycopg.connect(url) as conn:
        outbox.enqueue_many(drafts(MORE), conn=conn)
        assert (MORE, 0) == (count(conn), count(db))
        conn.rollback()
        assert (0, []) == (count(conn), entries(conn))
        outbox.enqueue_many(drafts(MORE), conn=conn)
        conn.commit()
    assert MORE == count(db)


def test_nothing_of_the_session_is_needed_from_one_batch_to_the_next(
    outbox: Messaging, url: str
) -> None:
    """A transaction pooler may give every transaction another session."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as conn:

        def forgetful() -> Iterator[Draft]:
            yield from drafts(BATCH)
            conn.execute("discard all")
            yield from drafts(BATCH)
            conn.execute("discard all")

        answers = outbox.enqueue_many(forgetful(), conn=conn)
        assert 2 * BATCH == len(answers) == count(conn)
        assert 0 == one(conn, "select count(*) from pg_class where relpersistence = 't'")
        assert 0 == one(conn, "select count(*) from pg_prepared_statements")


def test_a_second_run_finds_every_key_and_sends_nothing_again(
    outbox: Messaging, db: Database
) -> None:
    keyed = [Draft(to=TO, body=f"n {n}", idempotency_key=f"{n}") for n in range(600)]
    first = outbox.enqueue_many(keyed)
    changed = [*keyed[:599], Draft(to=TO, body="other", idempotency_key="599")]
    second = outbox.enqueue_many(changed)
    assert [answer.id for answer in first] == [answer.id for answer in second]
    assert Counter(duplicate=599, refused=1) == Counter(answer.result for answer in second)
    assert (600, 600) == (count(db), len(entries(db)))


def test_a_key_that_comes_again_in_a_later_batch_is_a_duplicate(outbox: Messaging) -> None:
    keyed = Draft(to=TO, body="Hello", idempotency_key="k")
    answers = outbox.enqueue_many([keyed, *drafts(BATCH), keyed])
    assert ("created", "duplicate") == (answers[0].result, answers[-1].result)
    assert answers[0].id == answers[-1].id


def test_two_callers_with_the_same_keys_store_each_once(outbox: Messaging, db: Database) -> None:
    keyed = [Draft(to=TO, body=f"n {n}", idempotency_key=f"{n}") for n in range(MORE)]

    def hand_over(given: Sequence[Draft]) -> dict[str | None, UUID | None]:
        answers = outbox.enqueue_many(given)
        assert {"created", "duplicate"} >= {answer.result for answer in answers}
        return {draft.body: answer.id for draft, answer in zip(given, answers, strict=True)}

    dice = Random(1)
    with ThreadPoolExecutor(2) as pool:
        one_told, other_told = pool.map(hand_over, [dice.sample(keyed, MORE) for _ in range(2)])
    assert one_told == other_told
    assert (MORE, MORE) == (count(db), len(entries(db)))


def test_a_row_that_postgres_refuses_never_sinks_the_rest(outbox: Messaging, db: Database) -> None:
    db.execute("alter table message_jobs add constraint polite check (message_content <> 'bad')")
    given = drafts(400)
    for n in (0, 150, 399):
        given[n] = Draft(to=TO, body="bad", idempotency_key=f"{n}")
    given[200] = given[210] = Draft(to=TO, body="Hello", idempotency_key="k", id=uuid4())
    answers = outbox.enqueue_many(given)
    refused = [answer.position - 1 for answer in answers if answer.result == "refused"]
    assert [0, 150, 399] == refused
    assert all("violates check constraint" in str(answers[n].reason) for n in refused)
    assert ("created", "duplicate") == (answers[200].result, answers[210].result)
    assert given[200].id == answers[200].id == answers[210].id
    assert 396 == count(db)
