"""Texts whose webhook never came: found in Twilio's list, once, and heeded in their true order."""

import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from structlog.testing import capture_logs

from messaging import missed, runtime
from messaging.domain.answers import Unanswered
from messaging.domain.consent import Consent, last_word
from messaging.domain.inbound import Inbound
from messaging.domain.job import Phone
from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.local.simulator import inbound as phones
from messaging.local.simulator.rules import Call, Kind, Rule
from messaging.postgres import consent
from messaging.postgres import missed as table
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.story import TO, insert, row, stop, work

Database = Connection[TupleRow]
PHONE = Phone(TO)
OURS, ANOTHER = "+15005550006", "+15005550007"
HOUR = timedelta(hours=1)
PROOF = {"form": "7"}


def receive(
    twilio: Simulator, body: str, minutes_ago: float, sender: str = TO, recipient: str = OURS
) -> str:
    """A text that Twilio took so long ago, and whose webhook did not reach us."""
    received = twilio.receive(phones.Inbound(sender=sender, body=body, recipient=recipient))
    message = twilio.ledger.get(received.sid)
    assert message is not None
    message.sent_at = message.created_at = message.created_at - 60 * minutes_ago
    return received.sid


def deliver(rt: Runtime, db: Database, twilio: Simulator, sid: str, minutes_ago: float) -> None:
    """Its webhook came, so long ago."""
    message = twilio.ledger.get(sid)
    assert message is not None
    reading = rt.settings.keywords.read(message.body)
    text = Inbound(
        sid=sid,  # type: ignore[arg-type]
        sender=message.sender or "",
        recipient=message.to,
        body=message.body,
        media_urls=(),
        reading=reading,
        is_answered=False,
    )
    texts = psycopg.types.json.Jsonb([consent.row_of(text)])
    db.execute("select messaging.record_inbound(%s)", [texts])
    db.execute(
        "update messaging.inbound_messages set at = clock_timestamp() - %s where sid = %s",
        [timedelta(minutes=minutes_ago), sid],
    )
    finish(db)


def finish(db: Database) -> None:
    """What the sweep does of a STOP, some seconds later."""
    consent.finish_overdue(db, timedelta(0))


def look(rt: Runtime, db: Database) -> int:
    """Looks, though somebody may have just now."""
    db.execute("update messaging.inbound_reading set began_at = began_at - interval '1 day'")
    found = missed.find(rt)
    finish(db)
    return found


def word(db: Database, category: str = "transactional", phone: Phone = PHONE) -> Consent | None:
    return last_word(consent.standings(db, [phone]).said.get(phone, ()), category)


def kept(db: Database) -> list[tuple[str, str | None, bool]]:
    rows = db.execute(
        "select body, word, was_missed from messaging.inbound_messages order by sent_at"
    )
    return [(body, said, was_missed) for body, said, was_missed in rows]


def test_a_stop_that_was_missed_holds_and_is_told(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = insert(db)
    sid = receive(twilio, "Stop!", 60)
    receive(twilio, "See you at 5", 50)
    with capture_logs() as logs:
        assert 2 == missed.find(rt)
    assert {"suppressed": 1} == dict(work(rt).outcomes), "before the sweep, too"
    finish(db)
    assert (Consent.OPTED_OUT, "suppressed") == (word(db), row(db, id).status)
    assert [("Stop!", "stop", True), ("See you at 5", None, True)] == kept(db)
    assert {"event": "inbound_found", "sid": sid, "word": "stop", "was_outdone": False} in [
        {name: log[name] for name in log if name != "log_level"} for log in logs
    ]
    (proof,) = db.execute("select evidence ->> 'sid' from messaging.consent_events").fetchall()
    assert (sid,) == proof
    assert [] == list(twilio.ledger.outbound), "nobody is answered an hour later"


def test_what_was_found_is_found_once_and_its_webhook_changes_nothing(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    sid = receive(twilio, "STOP", 60)
    assert [1, 0] == [look(rt, db), look(rt, db)]
    receive(twilio, "START", 3)
    assert 1 == look(rt, db)
    deliver(rt, db, twilio, sid, 0)
    assert Consent.OPTED_IN is word(db)


def test_a_text_whose_webhook_may_still_come_is_left_alone(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    receive(twilio, "STOP", 1)
    assert 0 == look(rt, db)
    for message in twilio.ledger.messages:
        message.sent_at = (message.sent_at or 0) - 120
    assert 1 == look(rt, db)


def test_texts_that_webhooks_brought_were_not_missed(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    deliver(rt, db, twilio, receive(twilio, "STOP", 60), 60)
    assert 0 == look(rt, db)
    assert [("STOP", "stop", False)] == kept(db)


Said = tuple[str, float]
"""A text, and how many minutes ago it was sent."""


OPTED_IN, OPTED_OUT = Consent.OPTED_IN, Consent.OPTED_OUT
SITUATIONS: list[tuple[list[Said], list[Said], Consent]] = [
    ([], [("STOP", 60), ("START", 50)], OPTED_IN),
    ([], [("START", 50), ("STOP", 60)], OPTED_IN),
    ([], [("START", 60), ("STOP", 50)], OPTED_OUT),
    ([], [("STOP", 50), ("START", 60)], OPTED_OUT),
    ([("START", 50)], [("STOP", 60)], OPTED_IN),
    ([("STOP", 50)], [("START", 60)], OPTED_OUT),
    ([("START", 60)], [("STOP", 50)], OPTED_OUT),
    ([("STOP", 60)], [("START", 50)], OPTED_IN),
    ([("START", 50), ("STOP", 40)], [("STOP", 60)], OPTED_OUT),
    ([("help", 40)], [("STOP", 60)], OPTED_OUT),
    ([("STOP", 50), ("START", 60)], [], OPTED_OUT),
    ([("START", 50), ("STOP", 60)], [], OPTED_IN),
    ([("YES", 50), ("STOP", 60)], [], OPTED_IN),
    ([("STOP", 60), ("START", 50)], [], OPTED_IN),
    ([("STOP", 40), ("START", 50)], [("STOP", 60)], OPTED_OUT),
]
"""What webhooks brought, what was missed, as Twilio was given it, and what counts in the end."""


@pytest.mark.parametrize("size", [1, 500], ids=["a page for each text", "one page"])
def test_the_later_word_counts_whatever_is_heard_first(
    rt: Runtime, db: Database, twilio: Simulator, size: int
) -> None:
    for n, (brought, not_brought, _) in enumerate(SITUATIONS):
        for body, ago in not_brought:
            receive(twilio, body, ago, number(n))
        for body, ago in brought:
            deliver(rt, db, twilio, receive(twilio, body, ago, number(n)), ago)
    read_in_pages(rt, db, size)
    expected = {n: last for n, (*_, last) in enumerate(SITUATIONS)}
    assert expected == {n: word(db, phone=number(n)) for n in expected}


def number(n: int) -> Phone:
    return Phone(f"+155555502{n:02}")


def read_in_pages(rt: Runtime, db: Database, size: int) -> None:
    """A look whose pages have so many texts."""
    (day_ago, now) = db.execute(
        "select clock_timestamp() - interval '1 day', clock_timestamp()"
    ).fetchall()[0]
    turn = table.Turn(since=day_ago, until=now)
    for part in rt.twilio.arrivals(OURS, turn.since):
        assert not isinstance(part, Unanswered)
        for start in range(0, len(part), size):
            missed._record(rt, part[start : start + size], turn, rt.settings.keywords)
    finish(db)


def crossed(rt: Runtime, db: Database, twilio: Simulator) -> None:
    """Webhooks of a STOP and of a START that was sent before it came in the other order."""
    deliver(rt, db, twilio, receive(twilio, "STOP", 50), 50)
    deliver(rt, db, twilio, receive(twilio, "START", 60), 50)


def test_the_ledger_tells_what_came_and_what_counts_of_webhooks_that_crossed(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    crossed(rt, db, twilio)
    assert OPTED_IN is word(db), "nothing says yet which was sent first"
    id = insert(db)
    assert [0, 0] == [look(rt, db), look(rt, db)], "nothing was missed"
    assert (OPTED_OUT, "suppressed") == (word(db), row(db, id).status)
    ledger = db.execute(
        "select state, evidence ->> 'said' from messaging.consent_events order by id"
    )
    assert [("opted_out", "STOP"), ("opted_in", "START"), ("opted_out", "STOP")] == [
        (state, said.upper()) for state, said in ledger
    ]


def test_what_was_recorded_after_webhooks_that_crossed_stands(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    crossed(rt, db, twilio)
    consent.record(db, PHONE, OPTED_IN, source="import", evidence=PROOF, category="all", by="ann")
    look(rt, db)
    assert OPTED_IN is word(db)


def test_an_erased_number_is_not_revived_by_texts_that_crossed(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    crossed(rt, db, twilio)
    db.execute("update messaging.inbound_messages set sender = 'erased'")
    look(rt, db)
    assert OPTED_IN is word(db), "what it said afterwards"


def test_a_start_that_crossed_comes_after_a_stop_that_is_being_carried_out(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    deliver(rt, db, twilio, receive(twilio, "START", 50), 50)
    deliver(rt, db, twilio, receive(twilio, "STOP", 60), 50)
    consent.begin_stop(db, PHONE, "keyword", PROOF, None)
    look(rt, db)
    assert OPTED_IN is word(db)


def test_of_a_webhook_that_was_late_the_time_of_sending_counts(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    receive(twilio, "STOP", 59)
    deliver(rt, db, twilio, receive(twilio, "START", 60), 55)
    receive(twilio, "STOP", 59, number(1))
    deliver(rt, db, twilio, receive(twilio, "START", 58.5, number(1)), 58.5)
    # To another number of ours: nothing says that it was not sent a little before it came.
    receive(twilio, "STOP", 59, number(2))
    deliver(rt, db, twilio, receive(twilio, "START", 58.5, number(2), ANOTHER), 58.5)
    assert 3 == look(rt, db)
    expected = [OPTED_OUT, OPTED_IN, OPTED_OUT]
    assert expected == [word(db, phone=phone) for phone in (PHONE, number(1), number(2))]


RECORDED = [
    (OPTED_IN, "all", "STOP", OPTED_IN),
    (OPTED_IN, "marketing", "STOP", OPTED_OUT),
    (OPTED_OUT, "all", "START", OPTED_OUT),
    (OPTED_OUT, "marketing", "START", OPTED_OUT),
]


def test_what_was_recorded_since_by_others_counts_too(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    for n, (said, category, body, _) in enumerate(RECORDED):
        receive(twilio, body, 60, number(n))
        consent.record(
            db, number(n), said, source="import", evidence=PROOF, category=category, by="ann"
        )
    assert len(RECORDED) == look(rt, db)
    expected = {n: last for n, (*_, last) in enumerate(RECORDED)}
    assert expected == {n: word(db, "marketing", number(n)) for n in expected}


def test_a_yes_takes_back_only_what_was_said_before_it(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    receive(twilio, "YES", 50)
    assert 1 == look(rt, db)
    assert None is word(db), "alone it is an answer to something"
    receive(twilio, "STOP", 60)
    read_in_pages(rt, db, 500)
    assert None is word(db)


def test_a_stop_by_somebody_else_that_is_under_way_is_not_undone(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    receive(twilio, "START", 60)
    consent.begin_stop(db, PHONE, "operator", PROOF, "ann")
    assert 1 == look(rt, db)
    assert OPTED_OUT is word(db)


def test_a_stop_of_the_same_second_is_the_later_one(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    for body in ("STOP", "START"):
        receive(twilio, body, 60)
    for message in twilio.ledger.messages:
        message.sent_at = twilio.ledger.messages[0].sent_at
    assert 2 == look(rt, db)
    assert Consent.OPTED_OUT is word(db)


def test_a_list_that_is_not_read_to_its_end_is_read_again(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    receive(twilio, "STOP", 60)
    twilio.faults.add(Rule(kind=Kind.TOO_MANY_REQUESTS, call=Call.LIST, count=1))
    with capture_logs() as logs:
        assert 0 == look(rt, db)
    assert ["Twilio answered HTTP 429."] == [log["reason"] for log in logs]
    assert timedelta(hours=24) <= (table.behind(db) or HOUR)
    assert 1 == look(rt, db)
    assert (table.behind(db) or 2 * HOUR) < HOUR


def test_one_looks_at_a_time_and_from_where_the_last_one_ended(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    assert 0 == missed.find(rt)
    requests = twilio.ledger.summary().requests
    receive(twilio, "STOP", 60)
    assert 0 == missed.find(rt), "somebody has just looked"
    assert requests + 2 == twilio.ledger.summary().requests, "its numbers, and no list"
    assert 0 == look(rt, db), "it was sent before, and Twilio would have shown it"
    assert timedelta(minutes=2) <= (table.behind(db) or HOUR) < timedelta(minutes=3)


def test_while_a_breaker_is_open_twilio_is_left_alone(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    stop(rt.throttle, "20003: wrong")
    receive(twilio, "STOP", 60)
    before = twilio.ledger.summary().requests
    assert 0 == missed.find(rt)
    assert before == twilio.ledger.summary().requests


def test_it_is_off_where_that_is_set(environment: dict[str, str], twilio: Simulator) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_MISSED_TEXTS_MINUTES": "0"}))
    receive(twilio, "STOP", 60)
    assert 0 == missed.find(rt)
    rt.close()


def test_a_look_that_is_killed_leaves_the_rest_to_the_next(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    """It dies with one number read to its end, and while Twilio is asked about the other."""
    two = {**environment, "TWILIO_FROM": ANOTHER}
    for recipient, sender in ((ANOTHER, number(1)), (OURS, number(2))):
        twilio.receive(phones.Inbound(sender=sender, body="STOP", recipient=recipient))
    for message in twilio.ledger.messages:
        message.sent_at = (message.sent_at or 0) - 3600
    twilio.faults.add(Rule(kind=Kind.HANG_BEFORE, call=Call.LIST, after=1))
    look_now = "from messaging import missed, runtime; missed.find(runtime.current())"
    with subprocess.Popen([sys.executable, "-c", look_now], env=two) as process:
        assert wait_until(lambda: bool(twilio.holds.held), limit=60)
        process.kill()
    twilio.faults.clear()
    twilio.release()
    rt = runtime.build(load(two))
    finish(db)
    assert [OPTED_OUT, None] == [word(db, phone=number(n)) for n in (1, 2)]
    assert 1 == look(rt, db)
    rt.close()
    assert [OPTED_OUT, OPTED_OUT] == [word(db, phone=number(n)) for n in (1, 2)]
