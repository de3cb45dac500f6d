"""Quiet hours against a real Postgres: what waits, until when, and what is told of it.

Whose night it is does not depend on the hour of the test: each takes a zone where it is that late.
"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import Draft, Messaging, promotion, runtime
from messaging.domain.category import Category
from messaging.local.simulator import Simulator
from messaging.postgres import hours
from messaging.runtime import Runtime
from messaging.settings import Settings, load
from tests.integration.story import end_leases, entries, insert, kinds, row, take, work

Database = Connection[TupleRow]
FULL = os.environ.get("MESSAGING_TEST_SCALE") == "full"
GERMAN = "+4915123456789"
MARKETING = Category.MARKETING


def zone_at(db: Database, hour: int) -> str:
    """A zone whose clocks show that hour now."""
    offset = (hour - hours.now(db).astimezone(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-offset:+d}"


@pytest.fixture
def messaging(settings: Settings) -> Iterator[Messaging]:
    with Messaging(settings) as face:
        yield face


def due(db: Database, id: UUID) -> datetime:
    found = db.execute("select due_at from message_jobs where id = %s", [id]).fetchone()
    assert found is not None
    time: datetime = found[0]
    return time


def reason(db: Database, id: UUID) -> str:
    found = db.execute("select error_details from message_jobs where id = %s", [id]).fetchone()
    assert found is not None
    return str(found[0]["message"])


def test_marketing_at_night_waits_until_eight(messaging: Messaging, db: Database) -> None:
    zone = zone_at(db, 3)
    id = messaging.enqueue(Draft(to=GERMAN, body="Sale", category=MARKETING, time_zone=zone))

    assert "scheduled" == row(db, id).status
    wait = due(db, id) - hours.now(db)
    assert timedelta(hours=4) < wait <= timedelta(hours=5)
    assert 0 == due(db, id).minute
    assert ["deferred"] == kinds(db, id)
    assert "It waits until 08:00 on" in reason(db, id)
    assert zone in reason(db, id)


@pytest.mark.parametrize(
    ("category", "priority", "hour"),
    [(MARKETING, 0, 12), (None, 0, 3), (Category.TRANSACTIONAL, 0, 3), (MARKETING, 10, 3)],
)
def test_what_goes_out_at_once(
    messaging: Messaging, db: Database, category: Category | None, priority: int, hour: int
) -> None:
    zone = zone_at(db, hour)
    draft = Draft(to=GERMAN, body="Hi", category=category, time_zone=zone, priority=priority)
    assert "pending" == row(db, messaging.enqueue(draft)).status


def test_urgent_marketing_keeps_the_law_all_the_same(messaging: Messaging, db: Database) -> None:
    zone = zone_at(db, 3)
    draft = Draft(to="+14155552671", body="Hi", category=MARKETING, time_zone=zone, priority=10)
    id = messaging.enqueue(draft)
    assert "scheduled" == row(db, id).status
    assert "the United States" in reason(db, id)


def test_a_text_for_a_quiet_hour_keeps_its_time_and_waits_longer(
    messaging: Messaging, db: Database
) -> None:
    zone = zone_at(db, 12)
    at = hours.now(db) + timedelta(hours=12)
    draft = Draft(to=GERMAN, body="Sale", category=MARKETING, time_zone=zone, scheduled_for=at)
    id = messaging.enqueue(draft)
    (kept,) = (
        db.execute("select scheduled_for from message_jobs where id = %s", [id]).fetchone() or ()
    )
    assert at == kept
    assert timedelta(hours=7) <= due(db, id) - at <= timedelta(hours=8)


def test_a_bare_row_waits_before_it_is_claimed(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = insert(db, recipient_phone=GERMAN, category="marketing", time_zone=zone_at(db, 3))
    assert Counter() == work(rt).outcomes
    assert ("scheduled", 0) == (row(db, id).status, row(db, id).attempt)
    end_leases(db)
    assert [] == take(rt)
    assert [] == entries(db)
    assert [] == twilio.ledger.outbound


def test_bare_rows_that_wait_hold_up_none_of_those_prepared_with_them(
    rt: Runtime, db: Database
) -> None:
    zones = [zone_at(db, hour) for hour in (3, 12, 3, 12)]
    ids = [insert(db, recipient_phone=GERMAN, category="marketing", time_zone=z) for z in zones]
    assert ids[1::2] == [hint.job_id for hint in take(rt)]
    assert ["scheduled", "pending"] * 2 == [row(db, id).status for id in ids]


def test_the_category_of_the_template_counts(
    messaging: Messaging, rt: Runtime, db: Database
) -> None:
    db.execute(
        "insert into message_templates (name, content_template, category) "
        "values ('sale', 'Sale!', 'marketing')"
    )
    zone = zone_at(db, 3)
    drafted = messaging.enqueue(Draft(to=GERMAN, template="sale", time_zone=zone))
    (template,) = db.execute("select id from message_templates").fetchone() or ()
    bare = insert(db, recipient_phone=GERMAN, template_id=template, time_zone=zone)
    work(rt)
    assert ["scheduled"] * 2 == [row(db, id).status for id in (drafted, bare)]


def test_a_backlog_that_lasts_into_the_night_is_reviewed(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = insert(db, recipient_phone=GERMAN, category="marketing", time_zone=zone_at(db, 3))
    db.execute("update message_jobs set prepared_at = now()")
    assert Counter({"scheduled": 1}) == work(rt).outcomes
    assert ("scheduled", 1) == (row(db, id).status, row(db, id).attempt)
    assert timedelta(hours=4) < due(db, id) - hours.now(db) <= timedelta(hours=5)
    assert ["opt_out_line", "settled"] == kinds(db, id)
    assert [] == twilio.ledger.outbound


def test_what_may_not_go_out_before_its_deadline_expires(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = insert(db, recipient_phone=GERMAN, category="marketing", time_zone=zone_at(db, 3))
    db.execute(
        "update message_jobs set prepared_at = now(), expires_at = now() + interval '1 hour'"
    )
    assert Counter({"expired": 1}) == work(rt).outcomes
    assert "expired" == row(db, id).status
    assert [] == twilio.ledger.outbound


def test_quiet_hours_can_be_switched_off(environment: dict[str, str], db: Database) -> None:
    off = {"MESSAGING_QUIET_HOURS_MARKETING": "off", "MESSAGING_QUIET_HOURS_BY_LAW": "false"}
    rt = runtime.build(load({**environment, **off}))
    insert(db, recipient_phone=GERMAN, category="marketing", time_zone=zone_at(db, 3))
    assert Counter({"sent": 1}) == work(rt).outcomes
    rt.close()


def test_what_waited_for_the_morning_goes_out_in_its_order(rt: Runtime, db: Database) -> None:
    """Those that are due at the same instant are promoted in the order of their ids."""
    count = 50_000 if FULL else 6_000
    db.execute(
        "insert into message_jobs (id, recipient_phone, message_content, scheduled_for) "
        "select gen_random_uuid(), '+15555550100', n::text, now() + interval '1 h' "
        "from generate_series(1, %s) n",
        [count],
    )
    db.execute("update message_jobs set due_at = now()")
    assert count == promotion.promote(rt)
    queued = [UUID(entry["job_id"]) for entry in entries(db) if isinstance(entry, dict)]
    assert count == len(queued)
    assert sorted(queued) == queued
