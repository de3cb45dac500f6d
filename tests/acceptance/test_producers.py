"""Every way to hand a text over: the original's producer, SQL, psql, a caller's transaction."""

import shutil
import subprocess
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from messaging import Draft
from messaging.local.postgres import EmbeddedPostgres
from tests.acceptance.original import MessageJob, MessageQueueProducer
from tests.stack.batch import Batch, now, recipient
from tests.stack.stack import Stack


def job(words: str) -> MessageJob:
    """As `sendReminder` of the original makes it, without what is optional."""
    return MessageJob(
        id=str(uuid4()), recipient_phone=recipient(1), message_content=f"{words} {uuid4()}"
    )


def produced(calm: Stack, given: MessageJob) -> Batch:
    """What the original's producer makes of a job."""
    id = MessageQueueProducer(calm.db).enqueue_message(given, now(calm))
    return Batch(stack=calm, ids=[id])


def assert_delivered_once_by_all_entries(batch: Batch) -> None:
    """Delivered, and every entry has been dealt with, also the second one of a job."""
    batch.assert_delivered_once()
    batch.stack.wait_until(lambda: batch.entries() == 0)
    batch.assert_accepted_once()


@pytest.mark.parametrize("priority", [1, 10])
def test_the_originals_producer_sends_once(calm: Stack, priority: int) -> None:
    given = job("As the original does it")
    given["priority"] = priority
    given["metadata"] = {"type": "task_reminder"}
    batch = produced(calm, given)
    assert_delivered_once_by_all_entries(batch)
    assert [given["message_content"]] == [message.body for message in batch.accepted()]


def test_the_originals_producer_with_a_template_sends_the_rendered_text_once(
    calm: Stack,
) -> None:
    template = template_of(calm, "{{ name }}, {{ task }} is due")
    given = job("In place of the template")
    given["template_id"] = str(template)
    given["template_vars"] = {"name": "Ada", "task": "the engine"}
    batch = produced(calm, given)
    assert_delivered_once_by_all_entries(batch)
    assert ["Ada, the engine is due"] == [message.body for message in batch.accepted()]


def test_the_originals_producer_with_a_time_that_has_passed_sends_once(calm: Stack) -> None:
    given = job("Due already")
    given["scheduled_for"] = (now(calm) - timedelta(minutes=1)).isoformat()
    batch = produced(calm, given)
    assert_delivered_once_by_all_entries(batch)


def test_the_originals_producer_with_a_time_ahead_sends_once_and_not_before(calm: Stack) -> None:
    given, time = job("Due soon"), now(calm) + timedelta(seconds=2)
    given["scheduled_for"] = time.isoformat()
    batch = produced(calm, given)
    batch.assert_delivered_once()
    (at,) = batch.accepted_at().values()
    assert at >= time.timestamp()


def test_a_whole_message_in_the_queue_without_a_row_is_adopted_and_sent_once(
    calm: Stack,
) -> None:
    given = job("Nobody inserted me")
    body = given["message_content"]
    calm.db.execute("select pgmq.send('sms_queue', %s)", [Jsonb(given)])
    found = "select id from message_jobs where message_content = %s"
    calm.wait_until(lambda: calm.db.execute(found, [body]).fetchone() is not None)
    Batch(stack=calm, ids=[id for (id,) in calm.db.execute(found, [body])]).assert_delivered_once()


def test_a_bare_insert_by_psql_is_sent_once(calm: Stack, postgres: EmbeddedPostgres) -> None:
    psql = shutil.which("psql") or postgres.programs / "psql"
    statement = (
        "insert into message_jobs (recipient_phone, message_content) "
        "values ('+1 (212) 555-0142', 'It''s from psql') returning id"
    )
    answer = subprocess.run(
        [psql, calm.environment["DATABASE_URL"], "-qtAX", "-c", statement],
        check=True,
        capture_output=True,
        text=True,
    )
    batch = Batch(stack=calm, ids=[UUID(answer.stdout.strip())])
    batch.assert_delivered_once()
    (message,) = batch.accepted()
    assert ("+12125550142", "It's from psql") == (message.to, message.body)


def test_an_insert_of_many_rows_is_sent_once_each(calm: Stack) -> None:
    rows = calm.db.execute(
        "insert into message_jobs (recipient_phone, message_content, priority) "
        "select '+1212555' || to_char(100 + n, 'FM0000'), 'Row ' || n, n % 10 "
        "from generate_series(0, 99) as n returning id"
    )
    Batch(stack=calm, ids=[id for (id,) in rows]).assert_delivered_once()


def test_a_transaction_that_is_rolled_back_sends_nothing(calm: Stack) -> None:
    with psycopg.connect(calm.environment["DATABASE_URL"]) as conn:
        rolled_back = [
            calm.messaging.enqueue(Draft(to=recipient(2), body="Never joined"), conn=conn),
            MessageQueueProducer(conn).enqueue_message(job("Never inserted"), now(calm)),
        ]
        conn.rollback()
    after = Batch.of(calm, [Draft(to=recipient(2), body="After what was rolled back")])
    after.assert_delivered_once()
    assert [] == Batch(stack=calm, ids=rolled_back).accepted()


def test_a_text_in_the_callers_transaction_goes_out_when_that_commits(calm: Stack) -> None:
    with psycopg.connect(calm.environment["DATABASE_URL"]) as conn:
        id = calm.messaging.enqueue(Draft(to=recipient(3), body="Joined"), conn=conn)
        Batch.of(
            calm, [Draft(to=recipient(3), body="Not joined, and later")]
        ).assert_delivered_once()
        batch = Batch(stack=calm, ids=[id])
        assert [] == batch.accepted()
        conn.commit()
    batch.assert_delivered_once()


def template_of(calm: Stack, text: str) -> UUID:
    """The id of a new template."""
    row = calm.db.execute(
        "insert into message_templates (name, content_template) values (%s, %s) returning id",
        [f"template {uuid4()}", text],
    ).fetchone()
    assert row is not None
    id: UUID = row[0]
    return id
