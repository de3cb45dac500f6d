"""messaging.cancel and messaging.reschedule: until a text has gone out, and not after."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from psycopg import errors

from messaging.domain.job import JobId, Status
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import messages
from tests.integration.databases import SID, Database, force, migrated, one, rolled_back
from tests.integration.story import entries, insert, kinds, row

LATER = datetime(2090, 1, 1, tzinfo=UTC)
CANCELED = {"scheduled", "pending", "retrying", "held", "canceled"}
WANTED = {"processing", "in_doubt"}
"""A worker has it, or may have had it: canceled if it turns out not to have gone out."""
MOVED = {"scheduled", "pending"}


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with rolled_back(url) as conn:
        yield conn


@pytest.mark.parametrize("status", sorted(Status))
def test_a_message_is_canceled_while_it_has_not_gone_out(db: Database, status: str) -> None:
    id = force(db, status, twilio_sid=SID if status == "sent" else None)
    expected = "canceled" if status in CANCELED else "too_late"
    if status in WANTED:
        expected = "canceling"
    assert expected == messages.cancel(db, JobId(id))
    assert expected == messages.cancel(db, JobId(id))
    assert ("canceled" if status in CANCELED else status) == row(db, id).status
    told = {*CANCELED, *WANTED} - {"canceled"}
    assert (expected if status in told else None) in {*kinds(db, id), None}


@pytest.mark.parametrize("status", sorted(Status))
def test_a_message_is_rescheduled_while_it_has_not_gone_out(db: Database, status: str) -> None:
    id = force(db, status, twilio_sid=SID if status == "sent" else None)
    expected = "rescheduled" if status in MOVED else "too_late"
    assert expected == messages.reschedule(db, JobId(id), LATER)
    assert ("scheduled" if status in MOVED else status) == row(db, id).status
    assert (["rescheduled"] if status in MOVED else []) == kinds(db, id)
    due = one(db, "select due_at = %s from message_jobs where id = %s", LATER, id)
    assert (status in MOVED) == bool(due)


def handed_over(db: Database) -> UUID:
    """A job that Twilio keeps until its time."""
    return force(
        db,
        "scheduled",
        twilio_sid=SID,
        scheduled_for=LATER,
        due_at=LATER,
        handed_over_at="2026-01-01 11:00:00+00",
    )


def test_a_message_that_twilio_keeps_is_asked_back(db: Database) -> None:
    id = handed_over(db)
    assert "rescheduling" == messages.reschedule(db, JobId(id), LATER)
    assert ("scheduled", "reschedule") == asked_back(db, id)
    assert "canceling" == messages.cancel(db, JobId(id))
    assert ("scheduled", "cancel") == asked_back(db, id)
    assert ["rescheduling", "canceling"] == kinds(db, id)


def test_a_message_that_is_being_canceled_is_not_rescheduled(db: Database) -> None:
    id = handed_over(db)
    messages.cancel(db, JobId(id))
    assert "too_late" == messages.reschedule(db, JobId(id), LATER)
    assert ("scheduled", "cancel") == asked_back(db, id)


def asked_back(db: Database, id: UUID) -> tuple[str, str]:
    found = db.execute(
        "select status, recall from message_jobs where id = %s and due_at <= clock_timestamp()",
        [id],
    ).fetchone()
    assert found is not None
    return found[0], found[1]


def test_what_is_not_there_is_not_found(db: Database) -> None:
    assert "not_found" == messages.cancel(db, JobId(uuid4()))
    assert "not_found" == messages.reschedule(db, JobId(uuid4()), LATER)


def test_no_time_to_reschedule_to_is_an_error(db: Database) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="reschedule needs a time"):
        db.execute("select messaging.reschedule(%s, null)", [insert(db)])


def test_a_message_rescheduled_to_the_past_is_due_at_once(db: Database) -> None:
    id = insert(db, scheduled_for=LATER)
    messages.reschedule(db, JobId(id), datetime(2020, 1, 1, tzinfo=UTC))
    assert 1 == one(db, "select messaging.promote(10)")
    assert "pending" == row(db, id).status
    assert [{"job_id": str(id)}] == entries(db)
