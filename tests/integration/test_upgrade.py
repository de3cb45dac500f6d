"""A database of the original architecture: kept, upgraded, and then at work."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql

from messaging import runtime, upkeep
from messaging.domain.job import Lane
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.simulator import Simulator
from messaging.postgres import jobs
from messaging.postgres.migrate import migrate
from messaging.promotion import promote
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.databases import Database, one, supabase
from tests.integration.story import entries, work

ORIGINAL = Path(__file__).with_name("original_tables.sql").read_text(encoding="utf-8")


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
            "in processing": "held",
            "a month overdue": "expired",
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
        assert ("held", "scheduled") == (after["in processing"], after["scheduled, later"])
        due = one(conn, "select due_at = scheduled_for from message_jobs where status='scheduled'")
        assert due
        assert [] == entries(conn)


def test_of_two_templates_of_one_name_the_younger_gets_a_longer_one(original: str) -> None:
    with psycopg.connect(original, autocommit=True) as conn:
        conn.execute(
            "insert into message_templates (name, content_template, created_at) "
            "values ('a', 'old', '2020-01-01'), ('a', 'young', '2021-01-01')"
        )
        migrate(original)
        assert "old" == one(conn, "select content_template from message_templates where name = 'a'")
        assert one(
            conn,
            "select name = 'a ' || left(id::text, 8) from message_templates "
            "where content_template = 'young'",
        )


def test_an_upgraded_database_texts_every_country_as_before(original: str) -> None:
    migrate(original)
    with psycopg.connect(original) as conn:
        assert [("allow", "*")] == conn.execute(
            "select rule, what from messaging.destinations"
        ).fetchall()
