"""Series against a real Postgres: each occurrence becomes a message once, whoever makes it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging import Draft, NotFound, Refused, recurring, rewinding
from messaging.domain import zones
from messaging.domain.category import Category
from messaging.domain.series import SeriesId
from messaging.postgres import hours, series
from messaging.runtime import Runtime
from tests.integration.story import insert, kinds, row

Database = Connection[TupleRow]
TO = "+4915123456789"
DRAFT = Draft(to=TO, body="Take your pills.")
DAILY = "FREQ=DAILY;COUNT=5"


def tomorrow(db: Database, hour: int = 12) -> datetime:
    """That hour of tomorrow, on UTC's clocks."""
    day = hours.now(db).astimezone(UTC).replace(tzinfo=None) + timedelta(days=1)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def add(rt: Runtime, db: Database, rule: str = DAILY, draft: Draft = DRAFT) -> SeriesId:
    return recurring.add(db, rt.settings, draft, rule=rule, starts_at=tomorrow(db), time_zone="UTC")


def times(db: Database) -> list[datetime]:
    rows = db.execute(
        "select scheduled_for from message_jobs where status = 'scheduled' order by 1"
    )
    return [time.astimezone(UTC).replace(tzinfo=None) for (time,) in rows]


def look_again(db: Database, ahead: timedelta) -> None:
    """As if so much time had passed since the series were looked at."""
    db.execute("update messaging.series set look_at = look_at - %s", [ahead])


def standing(db: Database, id: SeriesId) -> tuple[str, str | None]:
    found = series.show(db, id)
    assert found is not None
    return found.status, found.reason


def test_what_comes_within_two_days_becomes_messages_once(rt: Runtime, db: Database) -> None:
    id = add(rt, db)
    start = tomorrow(db)
    assert 1 <= recurring.recur(rt) <= 2
    made = times(db)
    assert [start + timedelta(days=n) for n in range(len(made))] == made
    assert 0 == recurring.recur(rt)
    db.execute("update messaging.series set look_at = now()")
    assert 0 == recurring.recur(rt)
    assert made == times(db)
    assert ("active", None) == standing(db, id)


def test_ten_beats_at_once_make_each_message_once(rt: Runtime, db: Database) -> None:
    for _ in range(5):
        add(rt, db, "FREQ=HOURLY;COUNT=10")
    with ThreadPoolExecutor(10) as threads:
        done = list(threads.map(lambda _: recurring.recur(rt), range(10)))
    assert 50 == sum(done)
    assert [(50, 50)] == db.execute(
        "select count(*), count(distinct job_id) from messaging.occurrences"
    ).fetchall()
    assert 50 == len(times(db))
    assert [("ended",)] == db.execute("select distinct status from messaging.series").fetchall()


def test_a_series_whose_last_message_is_made_has_ended(rt: Runtime, db: Database) -> None:
    id = add(rt, db, "FREQ=HOURLY;COUNT=3")
    assert 3 == recurring.recur(rt)
    assert ("ended", None) == standing(db, id)
    assert "stopped" == recurring.stop(db, id)
    assert [] == times(db)


def test_a_pause_cancels_and_a_resumption_makes_again_what_is_to_come(
    rt: Runtime, db: Database
) -> None:
    id = add(rt, db, "FREQ=HOURLY;COUNT=3")
    recurring.recur(rt)
    before = times(db)
    assert "paused" == recurring.pause(db, id)
    assert [] == times(db)
    assert 0 == recurring.recur(rt)
    assert "active" == recurring.resume(db, id)
    assert 3 == recurring.recur(rt)
    assert before == times(db)
    assert "stopped" == recurring.stop(db, id)
    assert "too_late" == recurring.resume(db, id)
    assert 0 == recurring.recur(rt)


def test_what_has_gone_out_is_not_made_again(rt: Runtime, db: Database) -> None:
    id = add(rt, db, "FREQ=HOURLY;COUNT=3")
    recurring.recur(rt)
    (first,) = (
        db.execute("select id from message_jobs order by scheduled_for limit 1").fetchone() or ()
    )
    db.execute(
        "update message_jobs set status = 'sent', twilio_sid = %s where id = %s",
        ["SM" + "0" * 32, first],
    )
    recurring.pause(db, id)
    recurring.resume(db, id)
    assert 2 == recurring.recur(rt)
    assert 2 == len(times(db))


def test_a_series_from_sql_is_checked_before_it_begins(rt: Runtime, db: Database) -> None:
    draft = {"recipient_phone": TO, "message_content": "Hi", "category": "transactional"}
    ids = [
        db.execute(
            "select messaging.add_series(%s, %s, 'UTC', %s)", [rule, tomorrow(db), Jsonb(fields)]
        ).fetchone()
        for rule, fields in [
            (DAILY, draft),
            ("FREQ=DAILY", draft),
            (DAILY, {**draft, "body": "?"}),
            (DAILY, {"message_content": "nobody"}),
        ]
    ]
    recurring.recur(rt)
    (good, endless, unknown, nobody) = [standing(db, SeriesId(found[0])) for found in ids if found]
    assert ("active", None) == good
    assert "refused" == endless[0]
    assert "no end" in str(endless[1])
    assert "body is no field" in str(unknown[1])
    assert "phone number is empty" in str(nobody[1])


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("FREQ=DAILY", "no end"),
        ("FREQ=MINUTELY;COUNT=3", "must be one of HOURLY"),
        ("FREQ=DAILY;COUNT=2000", "more than 1,000"),
        ("FREQ=DAILY;COUNT=4;BYHOUR=9;BYMINUTE=0,30", "less than 1 h apart"),
        ("every monday", "well-formed"),
    ],
)
def test_a_rule_without_end_or_too_often_is_refused(
    rt: Runtime, db: Database, rule: str, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        add(rt, db, rule)


def test_a_series_that_is_not_there_is_told(db: Database) -> None:
    with pytest.raises(NotFound, match="no series"):
        recurring.stop(db, SeriesId(UUID(int=1)))


def test_occurrences_keep_quiet_hours(rt: Runtime, db: Database) -> None:
    draft = Draft(to=TO, body="Sale", category=Category.MARKETING)
    recurring.add(
        db, rt.settings, draft, rule=DAILY, starts_at=tomorrow(db, hour=3), time_zone="UTC"
    )
    recurring.recur(rt)
    waits = db.execute("select due_at - scheduled_for from message_jobs").fetchall()
    assert {timedelta(hours=5)} == {wait for (wait,) in waits}


def test_a_text_on_a_wall_clock_follows_newer_time_zones(rt: Runtime, db: Database) -> None:
    """An older release said something else about the zone: here, an hour."""
    local = tomorrow(db)
    moved = insert(db, local_time=local, time_zone="Europe/Berlin")
    same = insert(db, local_time=local, time_zone="America/New_York")
    db.execute(
        "update message_jobs set zone_version = '2020a', due_at = due_at - interval '1 h', "
        "scheduled_for = scheduled_for - interval '1 h' where id = %s",
        [moved],
    )
    assert 2 == rewinding.set_clocks(rt)
    assert 0 == rewinding.set_clocks(rt)
    found = db.execute(
        "select scheduled_for, due_at, zone_version from message_jobs where id = %s", [moved]
    ).fetchone()
    instant = zones.instant_of(local, zones.zone("Europe/Berlin"))
    assert (instant, instant, zones.version()) == found
    assert ["rescheduled"] == kinds(db, moved)
    assert [] == kinds(db, same)


def test_a_text_that_is_rescheduled_leaves_its_wall_clock(rt: Runtime, db: Database) -> None:
    id = insert(db, local_time=tomorrow(db), time_zone="Europe/Berlin")
    at = hours.now(db) + timedelta(days=3)
    db.execute("select messaging.reschedule(%s, %s)", [id, at])
    assert 0 == rewinding.set_clocks(rt)
    (kept,) = db.execute("select scheduled_for from message_jobs").fetchone() or ()
    assert at == kept
    assert "scheduled" == row(db, id).status
