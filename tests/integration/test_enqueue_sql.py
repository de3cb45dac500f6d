"""messaging.enqueue, cancel and reschedule, as SQL and supabase-js call them."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors
from psycopg.types.json import Jsonb

from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import messages
from messaging.postgres.messages import Enqueued
from tests.integration.databases import (
    Database,
    migrated,
    one,
    rolled_back,
)
from tests.integration.story import TO, entries, insert

LATER = datetime(2090, 1, 1, tzinfo=UTC)
TEXT = {"recipient_phone": TO, "message_content": "Hello"}
ADDRESS = "https://example.com/a.png"


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def enqueue(db: Database, *drafts: object) -> list[Enqueued]:
    return messages.enqueue(db, drafts)  # type: ignore[arg-type]  # any JSON, as SQL takes it


def template(db: Database, name: str = "greeting") -> UUID:
    id = one(
        db,
        "insert into message_templates (name, content_template) values (%s, 'Hi {{name}}') "
        "returning id",
        name,
    )
    assert isinstance(id, UUID)
    return id


@pytest.mark.parametrize(
    ("draft", "stored"),
    [
        ({}, {"status": "pending", "priority": 0, "max_retries": 3, "metadata": {}}),
        ({"priority": 9}, {"priority": 9}),
        ({"priority": "7"}, {"priority": 7}),
        ({"priority": None, "metadata": None, "max_retries": None}, {"priority": 0}),
        ({"scheduled_for": "2090-01-01T00:00:00Z"}, {"status": "scheduled", "due_at": LATER}),
        ({"scheduled_for": "2020-01-01T00:00:00Z"}, {"status": "pending"}),
        ({"metadata": {"order": [1, {"a": None}]}}, {"metadata": {"order": [1, {"a": None}]}}),
        ({"media_urls": [ADDRESS]}, {"media_urls": [ADDRESS]}),
        ({"message_content": None, "media_urls": [ADDRESS]}, {"message_content": ""}),
        ({"message_content": "x" * 1600}, {"message_content": "x" * 1600}),
        ({"recipient_phone": "(555) 555-0100"}, {"recipient_phone": "(555) 555-0100"}),
        ({"in_doubt_policy": "hold"}, {"in_doubt_policy": "hold"}),
        ({"max_retries": 0}, {"max_retries": 0}),
        ({"idempotency_key": "k" * 255}, {"idempotency_key": "k" * 255}),
        ({"id": "7b4c7c1e-0000-4000-8000-000000000001"}, {}),
    ],
    ids=str,
)
def test_a_good_item_is_stored(
    db: Database, draft: dict[str, object], stored: dict[str, object]
) -> None:
    (answer,) = enqueue(db, {**TEXT, **draft})
    assert (1, "created", None) == (answer.position, answer.result, answer.reason)
    assert str(answer.id) == draft.get("id", str(answer.id))
    found = {
        column: one(db, f"select {column} from message_jobs where id = %s", answer.id)
        for column in stored
    }
    assert stored == found


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        ({"recipient_phone": None}, "recipient_phone is missing: give the number to text"),
        ({"recipient_phone": "  "}, "recipient_phone is missing"),
        ({"recipient_phone": "call me"}, "recipient_phone is not a phone number"),
        ({"recipient_phone": "1234"}, "recipient_phone is not a phone number"),
        ({"recipient_phone": "1" * 18}, "recipient_phone is not a phone number"),
        ({"message_content": None}, "message_content is missing"),
        ({"message_content": ""}, "message_content is missing"),
        ({"message_content": "x" * 1601}, "message_content has 1601 characters"),
        ({"template": "nobody"}, "there is no template named 'nobody'"),
        ({"template_id": str(UUID(int=0))}, f"there is no template with id {UUID(int=0)}"),
        ({"media_urls": [ADDRESS] * 11}, "media_urls has 11 entries: Twilio takes at most 10"),
        ({"max_retries": 21}, "max_retries must be from 0 to 20"),
        ({"max_retries": -1}, "max_retries must be from 0 to 20"),
        ({"in_doubt_policy": "guess"}, "in_doubt_policy must be reconcile, hold, resend or fail"),
        ({"idempotency_key": ""}, "idempotency_key must have 1 to 255 characters"),
        ({"idempotency_key": "k" * 256}, "idempotency_key must have 1 to 255 characters"),
        ({"scheduled_for": "infinity"}, "scheduled_for must be between the years 1970 and 9998"),
        ({"scheduled_for": "0044-03-15 BC"}, "scheduled_for must be between the years"),
        ({"scheduled_for": "soon"}, 'invalid input syntax for type timestamp with time zone: "so'),
        ({"priority": "high"}, 'invalid input syntax for type integer: "high"'),
        ({"priority": 1e12}, 'value "1000000000000.0" is out of range for type integer'),
        ({"user_id": "me"}, 'invalid input syntax for type uuid: "me"'),
        ({"media_urls": ADDRESS}, "malformed array literal"),
        (
            {"retry_of": str(UUID(int=0))},
            "Key (retry_of)=(00000000-0000-0000-0000-000000000000) is",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_bad_item_is_refused_with_the_reason(
    db: Database, draft: dict[str, object], reason: str
) -> None:
    (answer,) = enqueue(db, {**TEXT, **draft})
    assert (1, "refused", None) == (answer.position, answer.result, answer.id)
    assert reason in str(answer.reason)
    assert 0 == one(db, "select count(*) from message_jobs")
    assert [] == entries(db)


@pytest.mark.parametrize("item", [None, 5, "text", [], [TEXT]])
def test_an_item_that_is_no_object_is_refused(db: Database, item: object) -> None:
    (answer,) = enqueue(db, item)
    assert ("refused", "an item must be an object") == (answer.result, answer.reason)


@pytest.mark.parametrize(
    "bad",
    [
        {**TEXT, "recipient_phone": ""},
        {**TEXT, "priority": "high"},
        {**TEXT, "retry_of": str(UUID(int=0))},
        7,
    ],
    ids=str,
)
def test_a_bad_item_never_sinks_the_rest(db: Database, bad: object) -> None:
    answers = enqueue(db, TEXT, bad, TEXT, bad, {**TEXT, "priority": 9})
    assert [1, 2, 3, 4, 5] == [answer.position for answer in answers]
    expected = ["created", "refused", "created", "refused", "created"]
    assert expected == [answer.result for answer in answers]
    named = [entry for queue in ("sms_queue", "sms_priority_queue") for entry in entries(db, queue)]
    assert [{"job_id": str(answers[n].id)} for n in (0, 2, 4)] == named


def test_one_object_is_a_batch_of_one(db: Database) -> None:
    results = db.execute("select result from messaging.enqueue(%s)", [Jsonb(TEXT)]).fetchall()
    assert [("created",)] == results


def test_nothing_becomes_nothing(db: Database) -> None:
    assert [] == enqueue(db)


@pytest.mark.parametrize("drafts", [None, Jsonb(5), Jsonb("text"), Jsonb(None)])
def test_what_is_no_batch_is_an_error_with_an_example(db: Database, drafts: object) -> None:
    with pytest.raises(errors.InvalidParameterValue) as caught:
        db.execute("select * from messaging.enqueue(%s::jsonb)", [drafts])
    assert "messaging.enqueue takes a JSON array of messages" == caught.value.diag.message_primary
    assert "recipient_phone" in str(caught.value.diag.message_hint)


@pytest.mark.parametrize("named", ["by name", "by id", "by both"])
def test_a_template_is_found_by_name_or_id(db: Database, named: str) -> None:
    template(db, "another")
    id = template(db)
    names = {"by name": {"template": "greeting"}, "by id": {"template_id": str(id)}}
    draft = names.get(named) or names["by name"] | names["by id"]
    (answer,) = enqueue(db, {"recipient_phone": TO, "template_vars": {"name": "Ann"}, **draft})
    assert "created" == answer.result
    stored = 'select template_id = %s and template_vars = \'{"name": "Ann"}\' from message_jobs'
    assert one(db, stored, id)


def test_two_templates_for_one_message_are_refused(db: Database) -> None:
    id = template(db, "another")
    template(db)
    answers = enqueue(db, {**TEXT, "template": "greeting", "template_id": str(id)}, TEXT)
    assert ["refused", "created"] == [answer.result for answer in answers]
    assert (
        "template and template_id do not name one and the same template: give one of them"
        == answers[0].reason
    )


@pytest.mark.parametrize(
    "known", [{"idempotency_key": "k"}, {"id": str(UUID(int=7))}], ids=["by key", "by id"]
)
def test_the_same_message_again_is_a_duplicate_of_the_first(
    db: Database, known: dict[str, object]
) -> None:
    (first,) = enqueue(db, {**TEXT, **known})
    again = {**TEXT, **known, "recipient_phone": "(555) 555-0100", "priority": 9}
    (second,) = enqueue(db, again)
    assert ("duplicate", first.id, None) == (second.result, second.id, second.reason)
    assert 1 == one(db, "select count(*) from message_jobs")
    assert [{"job_id": str(first.id)}] == entries(db)
    assert [] == entries(db, "sms_priority_queue")


def test_duplicates_within_a_batch_are_duplicates_of_its_first(db: Database) -> None:
    keyed = {**TEXT, "idempotency_key": "k"}
    named = {**TEXT, "id": str(UUID(int=7))}
    answers = enqueue(db, keyed, named, TEXT, keyed, named, TEXT)
    expected = ["created"] * 3 + ["duplicate"] * 2 + ["created"]
    assert expected == [answer.result for answer in answers]
    assert [answers[0].id, answers[1].id] == [answers[3].id, answers[4].id]


@pytest.mark.parametrize(
    "other",
    [
        {"message_content": "Bye"},
        {"recipient_phone": "+15555550101"},
        {"media_urls": [ADDRESS]},
        {"template": "greeting"},
    ],
    ids=str,
)
def test_a_key_that_belongs_to_another_text_is_refused(
    db: Database, other: dict[str, object]
) -> None:
    template(db)
    (first,) = enqueue(db, {**TEXT, "idempotency_key": "k"})
    (second,) = enqueue(db, {**TEXT, **other, "idempotency_key": "k"})
    assert ("refused", first.id) == (second.result, second.id)
    assert (
        f"idempotency_key 'k' already belongs to message {first.id}, which says something else: "
        "use a new key"
    ) == second.reason


def test_an_id_that_belongs_to_another_text_is_refused(db: Database) -> None:
    id = str(insert(db))
    (answer,) = enqueue(db, {**TEXT, "message_content": "Bye", "id": id})
    assert "refused" == answer.result
    assert f"message {id} already exists and says something else" == answer.reason


def test_a_duplicate_of_a_prepared_template_is_known_by_its_variables(db: Database) -> None:
    template(db)
    draft = {"recipient_phone": TO, "template": "greeting", "idempotency_key": "k"}
    (first,) = enqueue(db, {**draft, "template_vars": {"name": "Ann"}})
    db.execute("update message_jobs set message_content = 'Hi Ann', prepared_at = now()")
    answers = enqueue(db, *({**draft, "template_vars": {"name": name}} for name in ("Ann", "Bob")))
    assert ["duplicate", "refused"] == [answer.result for answer in answers]
    assert {first.id} == {answer.id for answer in answers}


def test_of_many_at_once_one_is_created_and_the_rest_are_its_duplicates(url: str) -> None:
    draft = {**TEXT, "idempotency_key": str(uuid4())}

    def hand_over(_: int) -> Enqueued:
        with psycopg.connect(url, autocommit=True) as conn:
            return enqueue(conn, draft)[0]

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(hand_over, range(24)))
    assert Counter(duplicate=23, created=1) == Counter(answer.result for answer in answers)
    assert 1 == len({answer.id for answer in answers})


def test_a_transaction_that_is_rolled_back_leaves_nothing(url: str) -> None:
    with psycopg.connect(url) as conn:
        before = one(conn, "select count(*) from pgmq.q_sms_queue")
        (answer,) = enqueue(conn, TEXT)
        assert "created" == answer.result
        conn.rollback()
        assert 0 == one(conn, "select count(*) from message_jobs where id = %s", answer.id)
        assert before == one(conn, "select count(*) from pgmq.q_sms_queue")


def test_a_transaction_rings_once_a_queue_however_much_it_hands_over(url: str) -> None:
    with (
        psycopg.connect(url, autocommit=True) as listener,
        psycopg.connect(url) as conn,
    ):
        listener.execute("listen messaging_entries")
        with conn.transaction():
            for priority in (0, 9, 0, 9):
                enqueue(conn, *[{**TEXT, "priority": priority}] * 20)
                insert(conn, priority=priority)
            insert(conn, scheduled_for=LATER)
        conn.execute("notify messaging_entries, 'the end'")
        conn.commit()
        rung = []
        for notice in listener.notifies(timeout=10):
            rung.append(notice.payload)
            if notice.payload == "the end":
                break
    assert ["sms_queue", "sms_priority_queue", "the end"] == rung
