"""Times on wall clocks, through every door: Python, SQL, a bare row."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import Draft, Messaging, Refused
from messaging.domain.category import Category
from messaging.domain.zones import instant_of, version, zone
from messaging.postgres import messages
from messaging.runtime import Runtime
from messaging.settings import Settings
from tests.integration.story import insert, row, work
from tests.unit.transitions import changes

Database = Connection[TupleRow]
BERLIN = "Europe/Berlin"
TO = "+4915123456789"
LOCAL = datetime(2031, 6, 1, 9)
INSTANT = instant_of(LOCAL, zone(BERLIN))
Kept = tuple[object, ...]


@pytest.fixture
def messaging(settings: Settings) -> Iterator[Messaging]:
    with Messaging(settings) as face:
        yield face


def kept(db: Database, id: UUID | None) -> Kept:
    found = db.execute(
        "select status, scheduled_for, local_time, time_zone, zone_version, category "
        "from message_jobs where id = %s",
        [id],
    ).fetchone()
    assert found is not None
    return found


def test_a_draft_on_a_wall_clock_keeps_time_and_zone(messaging: Messaging, db: Database) -> None:
    id = messaging.enqueue(Draft(to=TO, body="Hi", local_time=LOCAL, time_zone=BERLIN))
    assert ("scheduled", INSTANT, LOCAL, BERLIN, version(), None) == kept(db, id)


def test_without_a_zone_it_is_the_numbers(messaging: Messaging, db: Database) -> None:
    id = messaging.enqueue(Draft(to=TO, body="Hi", local_time=LOCAL))
    assert ("scheduled", INSTANT, LOCAL, BERLIN, version(), None) == kept(db, id)


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        (Draft(to="+79161234567", body="Hi", local_time=LOCAL), "may be in 16 time zones"),
        (Draft(to=TO, body="Hi", local_time=INSTANT), "without a zone"),
        (Draft(to=TO, body="Hi", local_time=LOCAL, scheduled_for=INSTANT), "one of them"),
        (Draft(to=TO, body="Hi", time_zone="Mars/Olympus"), "no time zone"),
        (Draft(to=TO, body="Hi", time_zone="../../etc/passwd"), "no name of a zone"),
        (Draft(to=TO, body="Hi", category="advert"), "transactional, marketing"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_is_refused_with_a_sentence(
    messaging: Messaging, draft: Draft, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        messaging.enqueue(draft)


def test_sql_takes_a_wall_clock_and_a_category(db: Database) -> None:
    fields = {
        "recipient_phone": TO,
        "message_content": "Hi",
        "local_time": "2031-06-01T09:00",
        "time_zone": BERLIN,
        "category": "marketing",
    }
    (made,) = messages.enqueue(db, [fields])
    assert ("scheduled", INSTANT, LOCAL, BERLIN, None, "marketing") == kept(db, made.id)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"category": "advert"}, "transactional or marketing"),
        ({"time_zone": "Mars/Olympus"}, "not recognized"),
        ({"local_time": "2031-06-01T09:00"}, "needs time_zone"),
        ({"local_time": "2031-06-01T09:00Z", "time_zone": BERLIN}, "zone of its own"),
        ({"local_time": "soon", "time_zone": BERLIN}, "invalid input syntax"),
    ],
)
def test_sql_refuses_one_and_takes_the_others(
    db: Database, fields: dict[str, object], reason: str
) -> None:
    good = {"recipient_phone": TO, "message_content": "Hi", "category": "transactional"}
    answers = messages.enqueue(db, [good, {**good, **fields}, {**good, "message_content": "Ho"}])
    assert ["created", "refused", "created"] == [
        answer.result for answer in sorted(answers, key=lambda answer: answer.position)
    ]
    assert reason in str(next(one.reason for one in answers if one.result == "refused"))


def test_a_bare_row_takes_a_wall_clock(db: Database) -> None:
    id = insert(db, local_time=LOCAL, time_zone=BERLIN)
    assert ("scheduled", INSTANT, LOCAL, BERLIN, None, None) == kept(db, id)
    with pytest.raises(psycopg.errors.CheckViolation, match="local_time needs time_zone"):
        insert(db, local_time=LOCAL)


def test_a_bare_row_whose_zone_only_postgres_knows_fails_with_the_reason(
    rt: Runtime, db: Database
) -> None:
    id = insert(db, time_zone="PST")
    work(rt)
    assert "failed" == row(db, id).status


def test_a_second_try_keeps_category_and_zone(db: Database) -> None:
    first = insert(db, category="marketing", time_zone=BERLIN)
    again = insert(db, retry_of=first)
    assert ("marketing", BERLIN) == (kept(db, again)[5], kept(db, again)[3])


def test_postgres_reads_wall_clocks_as_python_does(db: Database) -> None:
    """Where both have the same offsets around the change; Postgres's zones may be older."""
    wanted = [change for change in changes() if change.instant.year in (2024, 2025)]
    told = db.execute(
        "select instant at time zone 'UTC' "
        "from unnest(%s::timestamp[], %s::text[]) with ordinality as c (local, zone, n) "
        "cross join lateral (select messaging.instant_of(local, zone)) as r (instant) order by n",
        [[change.middle for change in wanted], [change.name for change in wanted]],
    ).fetchall()
    same = [
        change
        for change, (instant,) in zip(wanted, told, strict=True)
        if instant == (change.middle - change.before)
    ]
    assert len(same) >= 0.95 * len(wanted)
    assert len(wanted) > 100


def test_a_category_alone_costs_nobody_the_rest(messaging: Messaging, db: Database) -> None:
    """Of a batch only those with a word of the hour are written to again."""
    drafts = [
        Draft(to=TO, body=f"n {n}", category=Category.MARKETING if n == 1 else None)
        for n in range(3)
    ]
    answers = messaging.enqueue_many(drafts)
    assert [None, "marketing", None] == [kept(db, answer.id)[5] for answer in answers]


def test_a_duplicate_is_left_as_it_is(messaging: Messaging, db: Database) -> None:
    first = Draft(to=TO, body="Hi", idempotency_key="k", category=Category.MARKETING)
    second = Draft(to=TO, body="Hi", idempotency_key="k", time_zone="Asia/Tokyo")
    ids = {messaging.enqueue(draft) for draft in (first, second)}
    (id,) = ids
    assert (None, "marketing") == (kept(db, id)[3], kept(db, id)[5])
