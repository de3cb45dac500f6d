"""What carriers report later: numbers are spared, and what may be sent again is, once."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import Draft, Messaging, promotion
from messaging.domain.job import JobId, Phone, Sid
from messaging.domain.receipt import Receipt
from messaging.local.simulator import Simulator
from messaging.postgres import numbers
from messaging.postgres.numbers import Lessons
from messaging.runtime import Runtime
from messaging.settings import Settings, load
from messaging.steps.learning import record
from messaging.twilio import code_table
from tests.integration.command_line import CommandLine
from tests.integration.databases import SID, expect_waiting, force, one
from tests.integration.story import TO, insert, kinds, row, work

Database = Connection[TupleRow]

PASSES, DEAD, FINAL = 30003, 30006, 30007
URL = "postgresql://localhost/x"


def settings(**environment: str) -> Settings:
    return load({"DATABASE_URL": URL, **environment})


RETRYING = settings(MESSAGING_MAX_CARRIER_RETRIES="1")


def sent(db: Database, sid: str = SID, **columns: object) -> UUID:
    return force(db, "sent", twilio_sid=sid, **{"prepared_at": "2026-01-01", **columns})


def report(status: str, code: int | None = None, sid: str = SID) -> Receipt:
    return Receipt(sid=Sid(sid), status=status, error_code=code)


def fail(db: Database, code: int, under: Settings = RETRYING, sid: str = SID) -> None:
    with db.transaction():
        record(db, [report("undelivered", code, sid)], under)


def retries(db: Database, id: UUID) -> list[UUID]:
    rows = db.execute("select id from message_jobs where retry_of = %s", [id])
    return [new for (new,) in rows]


def wait(db: Database, id: UUID) -> object:
    """In how many minutes it is to be sent, to the next whole one."""
    asked = "select ceil(extract(epoch from scheduled_for - now()) / 60)::int from message_jobs"
    return one(db, f"{asked} where id = %s", id)


@pytest.mark.parametrize(
    ("code", "allowed", "default", "new"),
    [
        (PASSES, None, 0, 0),
        (PASSES, None, 1, 1),
        (PASSES, 0, 1, 0),
        (PASSES, 2, 0, 1),
        (30001, 2, 0, 1),
        (30008, 2, 0, 1),
        (FINAL, 2, 1, 0),
        (DEAD, 2, 1, 0),
        (30002, 2, 1, 0),
        (99_999, 2, 1, 0),
    ],
)
def test_a_text_is_sent_again_where_it_and_the_reason_allow_it(
    db: Database, code: int, allowed: int | None, default: int, new: int
) -> None:
    id = sent(db, max_carrier_retries=allowed)
    fail(db, code, settings(MESSAGING_MAX_CARRIER_RETRIES=str(default)))
    assert new == len(retries(db, id))
    assert "sent" == row(db, id).status


def test_a_retry_is_the_same_message_and_a_new_one(db: Database) -> None:
    id = sent(
        db,
        message_content="Hello",
        priority=9,
        metadata={"order": 7},
        expires_at="2089-01-01",
        max_carrier_retries=2,
        segments=1,
        retry_count=2,
        idempotency_key="order-7",
    )
    fail(db, PASSES)
    (new,) = retries(db, id)
    kept = "recipient_phone, message_content, priority, metadata, expires_at, segments, prepared_at"
    same = f"select row({kept}, max_retries, user_id, template_id)::text from message_jobs"
    assert one(db, f"{same} where id = %s", id) == one(db, f"{same} where id = %s", new)
    anew = "select (carrier_retries, retry_count, idempotency_key, twilio_sid)::text"
    assert "(1,0,,)" == one(db, f"{anew} from message_jobs where id = %s", new)
    assert ("scheduled", 1) == (row(db, new).status, wait(db, new))
    assert ["receipt", "carrier_retry"] == kinds(db, id)
    assert ["carrier_retry"] == kinds(db, new)


@pytest.mark.parametrize(("so_far", "minutes"), [(0, 1), (1, 10), (2, 60), (3, None)])
def test_each_retry_waits_longer_and_the_last_is_the_third(
    db: Database, so_far: int, minutes: int | None
) -> None:
    id = sent(db, carrier_retries=so_far, max_carrier_retries=3)
    fail(db, PASSES)
    assert [minutes] * (minutes is not None) == [wait(db, new) for new in retries(db, id)]


def test_a_limit_of_a_day_is_not_tried_against_each_minute(db: Database) -> None:
    id = sent(db)
    fail(db, 30027)
    assert [60] == [wait(db, new) for new in retries(db, id)]


def test_what_would_come_past_its_deadline_is_not_sent_again(db: Database) -> None:
    id = sent(db)
    db.execute("update message_jobs set expires_at = now() + interval '50 seconds'")
    fail(db, PASSES)
    assert [] == retries(db, id)
    asked = "select details ->> 'reason' from messaging.message_events where kind = 'carrier_retry'"
    assert "deadline" == one(db, asked)


def test_a_receipt_leads_to_one_retry_however_often_it_comes(rt: Runtime, db: Database) -> None:
    id = sent(db)
    words = [report("undelivered", PASSES), report("failed", PASSES)]

    def receive(n: int) -> None:
        with rt.db.connection() as conn:
            record(conn, [words[n % 2]], RETRYING)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(receive, range(12)))
    assert 1 == len(retries(db, id))


def test_two_who_retry_the_same_text_at_once_make_one_message(
    rt: Runtime, db: Database, database_url: str
) -> None:
    """Nobody has locked the text for them: the index decides."""
    id = sent(db, delivery_status="undelivered", error_code=PASSES)
    lessons = Lessons(again={Sid(SID): timedelta(0)}, retries=1)

    def learn_too() -> None:
        with rt.db.connection() as conn:
            numbers.learn(conn, lessons)

    with ThreadPoolExecutor(1) as pool:
        with rt.db.connection() as conn:
            numbers.learn(conn, lessons)
            second = pool.submit(learn_too)
            expect_waiting(database_url, 1)
        second.result()
    assert 1 == len(retries(db, id))


@pytest.mark.parametrize("dies", [True, False])
def test_a_receipt_and_its_retry_are_one_commit(rt: Runtime, db: Database, dies: bool) -> None:
    """Whoever is killed before the commit leaves neither, and Twilio calls again."""
    id = sent(db)
    with rt.db.connection() as conn:
        record(conn, [report("undelivered", PASSES)], RETRYING)
        if dies:
            conn.rollback()
    assert (0 if dies else 1) == len(retries(db, id))
    fail(db, PASSES)
    assert 1 == len(retries(db, id))


def test_a_text_that_somebody_sent_again_is_not_sent_a_third_time(db: Database) -> None:
    id = sent(db)
    mine = insert(db, retry_of=id)
    fail(db, PASSES)
    assert [mine] == retries(db, id)


@pytest.mark.parametrize("status", ["processing", "in_doubt"])
def test_an_answer_not_seen_and_a_failure_reported_lead_to_a_retry(
    db: Database, status: str
) -> None:
    id = JobId(force(db, status, attempt=1, prepared_at="2026-01-01"))
    receipt = Receipt(sid=Sid(SID), status="undelivered", error_code=PASSES, job_id=id, attempt=1)
    record(db, [receipt], RETRYING)
    assert ("sent", 1) == (row(db, id).status, len(retries(db, id)))


def test_a_text_that_arrives_after_all_is_not_sent_again(db: Database) -> None:
    id = sent(db)
    fail(db, PASSES)
    (new,) = retries(db, id)
    record(db, [report("delivered")], RETRYING)
    assert "canceled" == row(db, new).status
    assert ["carrier_retry", "carrier_retry"] == kinds(db, new)


@pytest.mark.parametrize("order", [*permutations(("undelivered", "delivered"))])
def test_two_words_in_one_group_leave_nothing_to_send(db: Database, order: Sequence[str]) -> None:
    id = sent(db)
    record(db, [report(word, PASSES) for word in order], RETRYING)
    waiting = "select count(*) from message_jobs where retry_of = %s and status <> 'canceled'"
    assert 0 == one(db, waiting, id)


def test_a_retry_that_fails_too_leads_to_the_next(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    first = sent(db, max_carrier_retries=2)
    fail(db, PASSES)
    (second,) = retries(db, first)
    db.execute(
        "update message_jobs set due_at = now(), scheduled_for = now() where id = %s", [second]
    )
    promotion.promote(rt)
    assert Counter({"sent": 1}) == work(rt).outcomes
    sid = row(db, second).twilio_sid
    assert sid
    fail(db, PASSES, sid=sid)
    (third,) = retries(db, second)
    assert 10 == wait(db, third)
    record(db, [report("delivered")], RETRYING)
    assert "canceled" == row(db, third).status


@pytest.mark.parametrize("code", sorted(code_table.DEAD))
def test_a_number_that_takes_no_texts_is_remembered_and_spared(db: Database, code: int) -> None:
    sent(db, recipient_phone=TO)
    fail(db, code)
    (number,) = numbers.find(db, 10)
    assert (TO, code, SID, 30) == (
        number.phone,
        number.error_code,
        number.twilio_sid,
        round((number.until - number.since) / timedelta(days=1)),
    )
    spared, other = insert(db), insert(db, recipient_phone="+15555550199")
    assert ("suppressed", "pending") == (row(db, spared).status, row(db, other).status)
    assert ["suppressed"] == kinds(db, spared)


@pytest.mark.parametrize(
    ("code", "days", "remembered"), [(DEAD, "0", 0), (DEAD, "1", 1), (PASSES, "1", 0)]
)
def test_how_long_a_number_is_spared_is_a_setting(
    db: Database, code: int, days: str, remembered: int
) -> None:
    sent(db)
    fail(db, code, settings(MESSAGING_DEAD_NUMBER_DAYS=days))
    assert remembered == len(numbers.find(db, 10))


def test_a_number_is_tried_again_once_its_time_is_over(db: Database) -> None:
    sent(db, recipient_phone=TO)
    fail(db, DEAD)
    later = insert(db, scheduled_for="2089-01-01")
    db.execute("update messaging.dead_numbers set until = now()")
    assert ("scheduled", "pending") == (row(db, later).status, row(db, insert(db)).status)


def test_a_text_that_waits_is_withheld_at_its_claim(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    waiting = insert(db)
    sent(db, recipient_phone=TO)
    fail(db, DEAD)
    assert Counter({"suppressed": 1}) == work(rt).outcomes
    assert ("suppressed", []) == (row(db, waiting).status, list(twilio.ledger.outbound))


def test_many_that_are_handed_over_at_once_are_spared_too(
    environment: dict[str, str], db: Database
) -> None:
    sent(db, recipient_phone=TO)
    fail(db, DEAD)
    with Messaging(load(environment)) as outbox:
        answers = outbox.enqueue_many(Draft(to=to, body="Hello") for to in (TO, "+15555550199", TO))
    assert ["created"] * 3 == [answer.result for answer in answers]
    statuses = [row(db, answer.id).status for answer in answers if answer.id]
    assert ["suppressed", "pending", "suppressed"] == statuses


def test_a_text_that_arrives_shows_that_the_number_lives(db: Database) -> None:
    sent(db, recipient_phone=TO)
    sent(db, sid="SM" + "1" * 32, recipient_phone=TO, message_content="Before")
    fail(db, DEAD)
    record(db, [report("delivered", sid="SM" + "1" * 32)], RETRYING)
    assert [] == numbers.find(db, 10)


def test_a_person_may_know_better(db: Database) -> None:
    sent(db, recipient_phone=TO)
    fail(db, DEAD)
    assert [True, False] == [numbers.forget(db, Phone(TO)) for _ in range(2)]
    assert "pending" == row(db, insert(db)).status


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def test_numbers_are_listed_masked_and_forgotten_by_whoever_knows_them(
    messaging: CommandLine, db: Database
) -> None:
    assert (0, "No number is known to take no texts.\n") == (
        (ran := messaging("numbers", "list")).code,
        ran.out,
    )
    sent(db, recipient_phone=TO)
    fail(db, DEAD)
    ran = messaging("numbers", "list")
    assert ("landline" in ran.out, TO in ran.out) == (True, False)
    (number,) = messaging("numbers", "list", "--json").json["numbers"]
    assert ("+1555*****00", DEAD, SID) == tuple(
        number[name] for name in ("number", "error_code", "twilio_sid")
    )
    whole = messaging("numbers", "list", "--full", "--json").json
    assert (TO, 1) == (whole["numbers"][0]["number"], whole["total"])
    assert {"number": "+1555*****00"} == messaging("numbers", "forget", TO, "--json").json
    code, said = messaging("numbers", "forget", TO).error
    assert (3, "Nobody has reported that +1555*****00 takes no texts.") == (code, said)
    assert 2 == messaging("numbers", "forget", "call me").code


def test_both_messages_tell_the_story_of_a_retry(messaging: CommandLine, db: Database) -> None:
    id = sent(db)
    fail(db, PASSES)
    (new,) = retries(db, id)
    first, second = messaging("explain", id).out, messaging("explain", new).out
    assert f"It is sent again for that ({PASSES}), as {new}." in first.replace("\n", " ")
    assert str(id) in second
