"""What may become what, as the table itself enforces it on everybody, a SQL console included."""

from collections.abc import Iterator
from itertools import product
from uuid import UUID

import psycopg
import pytest
from psycopg import errors
from psycopg.errors import CheckViolation, NotNullViolation

from messaging.domain.job import FINAL, Lane, Status, can_become
from messaging.local.postgres import EmbeddedPostgres
from tests.integration.databases import SID, Database, force, migrated, one, rolled_back
from tests.integration.story import entries, insert, row

PAIRS = [(old, new) for old, new in product(Status, Status) if old != new]
LATER = "2090-01-01T00:00:00+00:00"
EARLIER = "2020-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


def refusal(db: Database, statement: str, *values: object) -> psycopg.Error | None:
    """Why the table refuses this statement; None where it takes it. Nothing of it stays."""
    try:
        with db.transaction(force_rollback=True):
            db.execute(statement.encode(), values)
    except (CheckViolation, NotNullViolation) as error:
        return error
    return None


def test_sql_and_python_have_one_table_of_changes(db: Database) -> None:
    rows = db.execute(
        "select old, new, messaging.can_become(old, new) "
        "from unnest(%(all)s::text[]) as old, unnest(%(all)s::text[]) as new",
        {"all": [str(status) for status in Status]},
    )
    pairs = list(product(Status, Status))
    assert {pair: can_become(*pair) for pair in pairs} == {
        (old, new): may for old, new, may in rows
    }


@pytest.mark.parametrize("more", ["", ", updated_at = clock_timestamp()"])
def test_the_table_refuses_every_change_that_is_not_in_it(db: Database, more: str) -> None:
    """Whoever writes updated_at, too, is not looked at where the step is an ordinary one."""
    jobs = {status: force(db, status) for status in Status}
    resolved(db, jobs[Status.HELD], "resend")
    refused = {
        (old, new)
        for old, new in PAIRS
        if refusal(
            db,
            "update message_jobs set status = %s, twilio_sid = %s, scheduled_for = '2090-01-01', "
            f"doubt_resends = doubt_resends + 1{more} where id = %s",
            new,
            SID,
            jobs[old],
        )
    }
    assert {pair for pair in PAIRS if not can_become(*pair)} == refused


@pytest.mark.parametrize("new", ["pending", "scheduled"])
@pytest.mark.parametrize("decision", [None, "cancel"])
def test_a_held_job_is_sent_again_only_by_a_decision_on_record(
    db: Database, decision: str | None, new: str
) -> None:
    id = force(db, "held", attempt=2)
    resolved(db, id, "resend", attempt=1)  # about an earlier attempt
    if decision:
        resolved(db, id, decision, attempt=2)
    again = "update message_jobs set status = %s, scheduled_for = '2090-01-01' where id = %s"
    error = refusal(db, again, new, id)
    assert error is not None
    assert f"message {id} is held: Twilio may have sent it" == error.diag.message_primary
    resolved(db, id, "resend", attempt=2)
    assert refusal(db, again, new, id) is None


def resolved(db: Database, id: UUID, decision: str, attempt: int = 0) -> None:
    """What messaging.resolve writes into the journal."""
    db.execute(
        "insert into messaging.message_events (job_id, kind, attempt, details) "
        "values (%s, 'resolved', %s, jsonb_build_object('decision', %s::text))",
        [id, attempt, decision],
    )


def test_a_status_that_is_none_is_refused(db: Database) -> None:
    id = insert(db)
    assert refusal(db, "update message_jobs set status = 'cancelled' where id = %s", id)
    assert refusal(db, "update message_jobs set status = null where id = %s", id)


def test_a_refused_change_says_what_and_what_to_do(db: Database) -> None:
    id = force(db, "sent", twilio_sid=SID)
    error = refusal(db, "update message_jobs set status = 'pending' where id = %s", id)
    assert error is not None
    assert f"message {id} is sent and cannot become pending" == error.diag.message_primary
    assert "To send it again, enqueue a new message with retry_of = this id." == (
        error.diag.message_hint
    )


@pytest.mark.parametrize("old", sorted(set(Status) - {Status.SENT}))
@pytest.mark.parametrize("more", ["", ", updated_at = clock_timestamp()"])
def test_nothing_becomes_sent_without_twilios_id(db: Database, old: str, more: str) -> None:
    id = force(db, old)
    sent = f"update message_jobs set status = 'sent', twilio_sid = %s{more} where id = %s"
    assert refusal(db, sent, SID, id) is None
    error = refusal(db, sent, None, id)
    assert error is not None
    assert f"message {id} cannot become sent without a twilio_sid" == error.diag.message_primary
    assert "Only Twilio's acceptance makes a message sent." == error.diag.message_hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("processing", "retrying"),
        ("processing", "in_doubt"),
    ],
)
def test_a_job_that_is_changed_by_hand_is_looked_at(db: Database, old: str, new: str) -> None:
    id = force(db, old, due_at=None)
    db.execute("update message_jobs set status = %s where id = %s", [new, id])
    assert one(db, "select due_at <= clock_timestamp() from message_jobs where id = %s", id)


def test_a_job_that_is_held_waits_for_nobody_but_a_person(db: Database) -> None:
    id = force(db, "in_doubt", due_at=None)
    db.execute("update message_jobs set status = 'held' where id = %s", [id])
    assert one(db, "select due_at is null from message_jobs where id = %s", id)


def test_other_columns_of_a_final_job_may_change(db: Database) -> None:
    id = force(db, "sent", twilio_sid=SID)
    assert (
        refusal(db, "update message_jobs set metadata = '{\"seen\": 1}' where id = %s", id) is None
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "pending"),
        ({"status": None}, "pending"),
        ({"status": "pending"}, "pending"),
        ({"scheduled_for": EARLIER}, "pending"),
        ({"scheduled_for": LATER}, "scheduled"),
        ({"status": "pending", "scheduled_for": LATER}, "scheduled"),
        ({"status": "scheduled", "scheduled_for": LATER}, "scheduled"),
        ({"status": "scheduled", "scheduled_for": EARLIER}, "scheduled"),
        *(({"status": str(status)}, str(status)) for status in sorted(FINAL)),
    ],
)
def test_a_new_row_is_pending_or_scheduled_or_history(
    db: Database, given: dict[str, object], expected: str
) -> None:
    assert expected == row(db, insert(db, **given)).status


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("scheduled", "a scheduled message needs scheduled_for"),
        ("processing", "a new message cannot be processing"),
        ("retrying", "a new message cannot be retrying"),
        ("in_doubt", "a new message cannot be in_doubt"),
        ("held", "a new message cannot be held"),
    ],
)
def test_a_new_row_cannot_be_in_the_middle_of_its_life(
    db: Database, status: str, message: str
) -> None:
    error = refusal(
        db,
        "insert into message_jobs (recipient_phone, message_content, status) "
        "values ('+15555550100', 'Hello', %s)",
        status,
    )
    assert error is not None
    assert message == error.diag.message_primary
    assert error.diag.message_hint


@pytest.mark.parametrize(
    ("columns", "fits"),
    [
        ("message_content = repeat('x', 1600)", True),
        ("message_content = repeat('x', 1601)", False),
        ("message_content = repeat('😀', 1600)", True),
        ("message_content = ''", False),
        ("message_content = '', media_urls = '{https://example.com/a.png}'", True),
        ("media_urls = array_fill('https://example.com/a.png'::text, array[10])", True),
        ("media_urls = array_fill('https://example.com/a.png'::text, array[11])", False),
        ("recipient_phone = ''", False),
        ("recipient_phone = '  '", False),
        ("recipient_phone = null", False),
        ("max_retries = 0", True),
        ("max_retries = 20", True),
        ("max_retries = 21", False),
        ("max_retries = -1", False),
        ("in_doubt_policy = 'hold'", True),
        ("in_doubt_policy = 'guess'", False),
        ("recall = 'cancel'", True),
        ("recall = 'perhaps'", False),
        ("scheduled_for = 'infinity'", False),
        ("scheduled_for = '10000-01-01 00:00:00+00'", False),
        ("scheduled_for = '-infinity'", False),
    ],
)
def test_the_table_takes_only_what_can_be_a_message(db: Database, columns: str, fits: bool) -> None:
    id = insert(db)
    error = refusal(db, f"update message_jobs set {columns} where id = %s", id)
    assert fits == (error is None)


@pytest.mark.parametrize("column", ["priority", "retry_count", "max_retries", "metadata"])
def test_a_null_that_a_client_sends_is_the_default(db: Database, column: str) -> None:
    id = insert(db, **{column: None})
    filled = one(db, f"select {column} is not null from message_jobs where id = %s", id)
    assert filled is True


def test_one_statement_of_five_thousand_rows_makes_an_entry_each(db: Database) -> None:
    db.execute(
        "insert into message_jobs (recipient_phone, message_content, priority) "
        "select '+15555550100', 'n ' || n, n % 10 from generate_series(1, 5000) as n",
    )
    jobs = db.execute("select id, priority from message_jobs where status = 'pending'").fetchall()
    for lane, count in ((Lane.NORMAL, 3000), (Lane.URGENT, 2000)):
        expected = sorted(str(id) for id, priority in jobs if Lane.of(priority) is lane)
        assert count == len(expected)
        named = [e["job_id"] for e in entries(db, lane.queue) if isinstance(e, dict)]
        assert expected == sorted(named)


def test_only_pending_rows_get_an_entry(db: Database) -> None:
    pending = insert(db)
    insert(db, scheduled_for=LATER)
    for status in sorted(FINAL):
        insert(db, status=status)
    assert [{"job_id": str(pending)}] == entries(db)
    assert [] == entries(db, "sms_priority_queue")


@pytest.mark.parametrize(
    ("priority", "queue"),
    [
        (None, "sms_queue"),
        (-1, "sms_queue"),
        (0, "sms_queue"),
        (5, "sms_queue"),
        (6, "sms_priority_queue"),
        (10, "sms_priority_queue"),
    ],
)
def test_priorities_above_five_take_the_urgent_lane(
    db: Database, priority: int | None, queue: str
) -> None:
    id = insert(db, priority=priority)
    assert [{"job_id": str(id)}] == entries(db, queue)
    assert queue == Lane.of(priority or 0).queue


def test_the_journal_is_never_changed(db: Database) -> None:
    db.execute("insert into messaging.message_events (kind) values ('settled')")
    error = refusal(db, "update messaging.message_events set kind = 'receipt'")
    assert error is not None
    assert "the journal is append-only" == error.diag.message_primary
    assert "Append another event instead." == error.diag.message_hint


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("in_doubt", "pending", "Twilio is asked"),
        ("in_doubt", "scheduled", "Only a text for later"),
        ("processing", "scheduled", "Only a text for later"),
    ],
)
def test_what_may_have_been_sent_is_not_armed_again_by_hand(
    db: Database, old: str, new: str, hint: str
) -> None:
    id = force(db, old)
    with pytest.raises(errors.CheckViolation) as refused:
        db.execute("update message_jobs set status = %s where id = %s", [new, id])
    assert hint in (refused.value.diag.message_hint or "")
