"""The Python face: what an application hands over, and what it hears back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

import messaging
from messaging import Draft, Messaging, NotFound, Refused, recurring
from messaging.domain.job import InDoubtPolicy
from messaging.local.postgres import EmbeddedPostgres
from messaging.settings import load
from tests.integration.databases import Database, migrated, one, rolled_back
from tests.integration.story import TO, entries, insert, row

LATER = datetime(2090, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    with migrated(postgres) as url:
        yield url


@pytest.fixture(scope="module")
def outbox(url: str) -> Iterator[Messaging]:
    settings = load({"DATABASE_URL": url, "MESSAGING_DEFAULT_REGION": "US"})
    with Messaging(settings) as outbox:
        yield outbox


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    """The caller's own transaction, which most of these tests join; it is rolled back."""
    with rolled_back(url) as conn:
        yield conn


def template(db: Database, source: str = "Hi {{ name }}", **variables: object) -> UUID:
    id = one(
        db,
        "insert into message_templates (name, content_template, template_vars) "
        "values ('greeting', %s, %s) returning id",
        source,
        psycopg.types.json.Jsonb(variables),
    )
    assert isinstance(id, UUID)
    return id


def test_a_message_is_stored_ready_to_be_sent(outbox: Messaging, db: Database) -> None:
    id = outbox.enqueue(Draft(to="(415) 555-2671", body="Hello €"), conn=db)
    message = outbox.status(id, conn=db)
    assert ("pending", "+14155552671", "Hello €", 1, 3) == (
        message.status,
        message.recipient_phone,
        message.message_content,
        message.segments,
        message.max_retries,
    )
    assert one(db, "select prepared_at is not null from message_jobs where id = %s", id)
    assert [{"job_id": str(id)}] == entries(db)
    assert [] == outbox.events(id, conn=db)


def test_everything_that_a_draft_says_is_kept(outbox: Messaging, db: Database) -> None:
    user, id = uuid4(), uuid4()
    draft = Draft(
        id=id,
        to=TO,
        body="Look",
        media_urls=["https://example.com/a.png"],
        scheduled_for=LATER,
        priority=9,
        user_id=user,
        metadata={"order": 7},
        max_retries=1,
        in_doubt_policy=InDoubtPolicy.HOLD,
        idempotency_key="k",
    )
    assert id == outbox.enqueue(draft, conn=db)
    stored = db.execute(
        "select status, scheduled_for, priority, user_id, metadata, max_retries, in_doubt_policy, "
        "idempotency_key, media_urls from message_jobs where id = %s",
        [id],
    ).fetchone()
    expected = ("scheduled", LATER, 9, user, {"order": 7}, 1, "hold", "k", list(draft.media_urls))
    assert expected == stored


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_template_is_rendered_with_its_variables(
    outbox: Messaging, db: Database, by: str
) -> None:
    id = template(db, "Hi {{ name }}, {{ greeting }}", greeting="welcome")
    wanted = id if by == "id" else "greeting"
    job = outbox.enqueue(Draft(to=TO, template=wanted, variables={"name": "Ann"}), conn=db)
    assert "Hi Ann, welcome" == row(db, job).message_content
    stored = 'select template_id = %s and template_vars = \'{"name": "Ann"}\' from message_jobs'
    assert one(db, stored, id)


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        (Draft(to="call me", body="Hello"), "The phone number has letters in it"),
        (Draft(to="", body="Hello"), "number"),
        (Draft(to=TO), "The text is empty: give a body, a template or media_urls."),
        (Draft(to=TO, body="x" * 1601), "The body has 1,601 characters: shorten it to 1,600"),
        (Draft(to=TO, template="nobody"), "There is no template 'nobody': check its name or id."),
        (Draft(to=TO, template="greeting"), "needs the variable 'name', which was not given"),
        (Draft(to=TO, body="a", template="greeting"), "Both body and template are given"),
        (Draft(to=TO, body="a", max_retries=21), "max_retries must be a whole number from 0 to 20"),
        (Draft(to=TO, body="a", priority=101), "priority must be a whole number from -100 to 100"),
        (Draft(to=TO, body="a", scheduled_for=datetime(2090, 1, 1)), "has no time zone"),
        (
            Draft(to=TO, body="a", scheduled_for=datetime(9999, 6, 1, tzinfo=UTC)),
            "scheduled_for must be between the years 1970 and 9998",
        ),
        (Draft(to=TO, body="a", metadata={"a": object()}), "metadata cannot be written as JSON"),
        (Draft(to=TO, body="a\0"), "NUL"),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, str) else "",
)
def test_what_cannot_become_a_message_is_refused_with_what_to_do(
    outbox: Messaging, db: Database, draft: Draft, reason: str
) -> None:
    template(db)
    with pytest.raises(Refused) as caught:
        outbox.enqueue(draft, conn=db)
    assert reason in str(caught.value)
    assert 0 == one(db, "select count(*) from message_jobs")
    assert [] == entries(db)


def test_a_batch_is_answered_item_by_item_in_order(outbox: Messaging, db: Database) -> None:
    template(db)
    drafts = [
        Draft(to=TO, body="1", idempotency_key="k"),
        Draft(to="nobody", body="2"),
        Draft(to=TO, body="1", idempotency_key="k"),
        Draft(to=TO, template="greeting"),
        Draft(to=TO, body="5", scheduled_for=datetime(9999, 6, 1, tzinfo=UTC)),
        Draft(to=TO, body="6", idempotency_key="k"),
        Draft(to=TO, template="greeting", variables={"name": "Ann"}),
    ]
    answers = outbox.enqueue_many(iter(drafts), conn=db)
    expected = ["created", "refused", "duplicate", "refused", "refused", "refused", "created"]
    assert expected == [answer.result for answer in answers]
    assert list(range(1, 8)) == [answer.position for answer in answers]
    assert answers[0].id == answers[2].id == answers[5].id
    assert ["1", "Hi Ann"] == [row(db, answers[n].id).message_content for n in (0, 6)]  # type: ignore[arg-type]  # created, so they have ids
    for n in (1, 3, 4, 5):
        assert answers[n].reason


def test_batches_of_any_size_keep_their_positions(outbox: Messaging, db: Database) -> None:
    drafts = [Draft(to=TO if n % 500 else "nobody", body=f"n {n}") for n in range(2500)]
    answers = outbox.enqueue_many(drafts, conn=db)
    assert list(range(1, 2501)) == [answer.position for answer in answers]
    refused = [answer.position - 1 for answer in answers if answer.result == "refused"]
    assert [0, 500, 1000, 1500, 2000] == refused
    bodies: dict[UUID, str] = dict(
        db.execute("select id, message_content from message_jobs").fetchall()
    )
    assert [f"n {n}" for n in range(2500) if n % 500] == [
        bodies[answer.id] for answer in answers if answer.id
    ]


def test_no_drafts_are_no_answers(outbox: Messaging) -> None:
    assert [] == outbox.enqueue_many([])


def test_a_duplicate_is_answered_with_the_first(outbox: Messaging, db: Database) -> None:
    first = outbox.enqueue(Draft(to=TO, body="Hello", idempotency_key="k"), conn=db)
    again = Draft(to="+1 (555) 555-0100", body="Hello", idempotency_key="k", priority=9)
    assert first == outbox.enqueue(again, conn=db)
    with pytest.raises(Refused, match="already belongs to message"):
        outbox.enqueue(Draft(to=TO, body="Bye", idempotency_key="k"), conn=db)
    assert 1 == one(db, "select count(*) from message_jobs")


@pytest.mark.parametrize(
    ("due_in", "priority", "queue"),
    [
        (timedelta(hours=-1), 10, "sms_priority_queue"),
        (timedelta(minutes=59), 10, "sms_priority_queue"),
        (timedelta(hours=1), 5, "sms_queue"),
        (timedelta(hours=23), 5, "sms_queue"),
        (timedelta(hours=24), 1, "sms_queue"),
    ],
)
def test_a_reminder_is_the_more_urgent_the_sooner_it_is_due(
    outbox: Messaging, db: Database, due_in: timedelta, priority: int, queue: str
) -> None:
    user = uuid4()
    id = outbox.send_reminder(
        user_id=user, phone=TO, task_name="Dentist", due_in=due_in, content="Soon!", conn=db
    )
    stored = db.execute(
        "select priority, user_id, message_content, metadata from message_jobs where id = %s", [id]
    ).fetchone()
    about = {"type": "task_reminder", "task_name": "Dentist"}
    assert (priority, user, "Soon!", about) == stored
    assert [{"job_id": str(id)}] == entries(db, queue)


def test_without_a_connection_a_message_is_committed_at_once(
    outbox: Messaging, db: Database
) -> None:
    id = outbox.enqueue(Draft(to=TO, body="Hello"))
    assert "pending" == outbox.status(id).status
    assert {"job_id": str(id)} in entries(db)
    assert "canceled" == outbox.cancel(id)
    assert ["canceled"] == [event.kind for event in outbox.events(id)]


def test_a_message_exists_exactly_if_the_callers_transaction_commits(
    outbox: Messaging, url: str
) -> None:
    with psycopg.connect(url) as conn:
        lost = outbox.enqueue(Draft(to=TO, body="lost"), conn=conn)
        with pytest.raises(NotFound):
            outbox.status(lost)
        conn.rollback()
        kept = outbox.enqueue(Draft(to=TO, body="kept"), conn=conn)
        conn.commit()
        left = entries(conn)
    with pytest.raises(NotFound, match=f"There is no message {lost}"):
        outbox.status(lost)
    assert "kept" == outbox.status(kept).message_content
    assert (False, True) == tuple({"job_id": str(id)} in left for id in (lost, kept))


def test_a_refusal_leaves_the_callers_transaction_in_order(outbox: Messaging, db: Database) -> None:
    with pytest.raises(Refused):
        outbox.enqueue(Draft(to=TO, body="a", id=uuid4(), user_id=None, priority=500), conn=db)
    bad = Draft(to=TO, body="a", scheduled_for=datetime(9999, 6, 1, tzinfo=UTC))
    assert ["refused"] == [answer.result for answer in outbox.enqueue_many([bad], conn=db)]
    assert outbox.enqueue(Draft(to=TO, body="a"), conn=db)


def test_a_message_is_canceled_and_moved_until_it_goes_out(outbox: Messaging, db: Database) -> None:
    id = outbox.enqueue(Draft(to=TO, body="Hello"), conn=db)
    assert "rescheduled" == outbox.reschedule(id, LATER, conn=db)
    assert ("scheduled", LATER) == (
        outbox.status(id, conn=db).status,
        outbox.status(id, conn=db).scheduled_for,
    )
    assert "canceled" == outbox.cancel(id, conn=db)
    assert "canceled" == outbox.cancel(id, conn=db)
    assert "too_late" == outbox.reschedule(id, LATER, conn=db)
    assert ["rescheduled", "canceled"] == [event.kind for event in outbox.events(id, conn=db)]


def test_a_time_without_a_zone_is_refused(outbox: Messaging, db: Database) -> None:
    with pytest.raises(Refused, match="The new time has no time zone"):
        outbox.reschedule(insert(db), datetime(2090, 1, 1), conn=db)


def test_a_message_that_is_not_there_is_not_found(outbox: Messaging, db: Database) -> None:
    nobody = uuid4()
    for ask in (outbox.cancel, outbox.status):
        with pytest.raises(NotFound, match=f"There is no message {nobody}"):
            ask(nobody, conn=db)
    with pytest.raises(NotFound):
        outbox.reschedule(nobody, LATER, conn=db)
    assert [] == outbox.events(nobody, conn=db)


def test_a_callers_connection_may_make_rows_of_any_kind(url: str) -> None:
    settings = load({"DATABASE_URL": url, "MESSAGING_COUNTRIES": "US"})
    with Messaging(settings) as fresh, rolled_back(url) as db:
        template(db)
        db.execute("insert into messaging.destinations values ('allow', 'DE'), ('allow', 'US')")
        rows: Any = db
        rows.row_factory = dict_row
        german, made = (
            fresh.enqueue(draft, conn=db)
            for draft in (
                Draft(to="+4915123456789", body="Hello", scheduled_for=LATER),
                Draft(to=TO, template="greeting", variables={"name": "Ann"}, scheduled_for=LATER),
            )
        )
        assert "scheduled" == fresh.status(german, conn=db).status
        assert "rescheduled" == fresh.reschedule(made, LATER + timedelta(days=1), conn=db)
        assert "canceled" == fresh.cancel(made, conn=db)
        assert ["rescheduled", "canceled"] == [one.kind for one in fresh.events(made, conn=db)]
        weekly = recurring.add(
            db,
            settings,
            Draft(to=TO, body="Hello"),
            rule="FREQ=WEEKLY;COUNT=2",
            starts_at=datetime(2090, 1, 1, 9),
            time_zone="UTC",
        )
        assert "paused" == recurring.pause(db, weekly)


def test_the_package_offers_what_its_front_page_names() -> None:
    assert {Messaging, Draft, Refused, NotFound} <= {
        getattr(messaging, name) for name in messaging.__all__
    }
