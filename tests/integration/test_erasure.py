"""Erasing a number: nothing that is kept tells it, and what it had said still counts."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import delivery, erasing, handover, missed, optout, runtime
from messaging.domain.consent import Consent
from messaging.domain.erasure import ERASED
from messaging.domain.job import JobId, Lane, Phone, Sid
from messaging.domain.receipt import Receipt
from messaging.erasing import Erased
from messaging.errors import Misconfigured, Refused
from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.local.simulator import inbound as phones
from messaging.local.simulator.rules import Call, Kind, Rule
from messaging.postgres import consent, erasure, numbers
from messaging.runtime import Runtime
from messaging.settings import load
from messaging.steps.learning import record
from tests.integration.dumps import dump, holding
from tests.integration.story import in_doubt, insert, kinds, row, take, work
from tests.integration.test_handover import later
from tests.integration.test_quiet_hours import zone_at

Database = Connection[TupleRow]
THEIRS = Phone("+14155552671")
OTHER = Phone("+14155552672")
WORDS = "Dear Zebulon"
KEY = "k" * 32
OLDER = "o" * 32
TRACES = ("4155552671", "555-2671", "555 2671", "555.2671", "Zebulon")
"""What no dump may hold: the number in each way in which it is written below, and the words."""


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "MESSAGING_ERASURE_KEY": KEY, "MESSAGING_DEFAULT_REGION": "US"}


@pytest.fixture
def rt(environment: dict[str, str]) -> Iterator[Runtime]:
    opened = runtime.build(load(environment))
    yield opened
    opened.close()


def erase(rt: Runtime, phone: Phone = THEIRS, *, at_twilio: bool = False) -> Erased:
    begun = erasing.begin(rt, phone, "ann")
    optout.carry_out(rt, phone)
    handover.take_back(rt)
    return erasing.erase(rt, begun, at_twilio=at_twilio)


def theirs(db: Database, **columns: object) -> UUID:
    return insert(db, **{"recipient_phone": THEIRS, "message_content": WORDS, **columns})


def say(db: Database, state: Consent, category: str = "all", phone: Phone = THEIRS) -> None:
    consent.record(
        db, phone, state, source="operator", evidence={"t": "1"}, category=category, by="ann"
    )


def heard(db: Database, sid: str, body: str, *, refuses: bool = False) -> None:
    db.execute(
        "insert into messaging.inbound_messages (sid, sender, recipient, body, media_urls, "
        "sounds_like_refusal) values (%s, %s, %s, %s, %s, %s)",
        [sid, THEIRS, "+15005550006", body, ["https://example.com/Zebulon.png"], refuses],
    )


def put(db: Database, queue: str, message: object) -> None:
    db.execute("select pgmq.send(%s, %s::jsonb)", [queue, json.dumps(message)])


def archive(db: Database, queue: str) -> None:
    db.execute(f"select pgmq.archive('{queue}', msg_id) from pgmq.q_{queue}".encode())


def history(db: Database) -> UUID:
    """A number of which each table knows something; one of its messages that was sent."""
    metadata = json.dumps({"campaign": "spring", "name": "Zebulon"})
    sent = theirs(
        db,
        media_urls=["https://example.com/Zebulon.png"],
        metadata=metadata,
        idempotency_key=f"welcome-{THEIRS}",
        template_vars=json.dumps({"name": "Zebulon"}),
    )
    db.execute(
        "update message_jobs set status = 'sent', twilio_sid = %s, attempt = 1, segments = 1, "
        "prepared_at = now(), sent_at = now() where id = %s",
        ["SM" + "9" * 32, sent],
    )
    db.execute(
        "insert into messaging.message_events (job_id, kind, details) values (%s, 'held', %s)",
        [sent, json.dumps({"reason": f"who is {THEIRS}?", "to": 14155552671})],
    )
    db.execute(
        "update message_jobs set content_key = gen_random_uuid(), error_code = 30005, "
        "error_details = %s where id = %s",
        [json.dumps({"message": f"to {THEIRS}: {WORDS}", "rule": "x"}), sent],
    )
    db.execute(
        "insert into messaging.dead_numbers (phone, error_code, until, twilio_sid) "
        "select recipient_phone, 30005, now() + interval '1 day', twilio_sid "
        "from message_jobs where id = %s",
        [sent],
    )
    db.execute("insert into messaging.cap_uses values (%s, 1, %s, now(), 1, 0.01)", [sent, THEIRS])
    db.execute(
        "insert into messaging.stops (scope, value, reason, resumed_at) "
        "values ('country', %s, 'Zebulon asked', now())",
        [THEIRS],
    )
    db.execute(
        "insert into messaging.destinations (rule, what, reason) values ('block', %s, 'Zebulon')",
        [THEIRS],
    )
    heard(db, "SM" + "1" * 32, "I am Zebulon")
    say(db, Consent.OPTED_IN, "marketing")
    return sent


def queued(db: Database) -> None:
    """Whole messages in the queues, in their archives and among the dead letters; a series."""
    whole = {"recipient_phone": "(415) 555-2671", "message_content": WORDS}
    for queue in ("sms_queue", "sms_priority_queue"):
        put(db, queue, whole)
        archive(db, queue)
        put(db, queue, {"to": "+1 415 555 2671", "body": WORDS})
    put(db, "sms_dlq", {"queue": "sms_queue", "message": whole, "reason": "no template"})
    archive(db, "sms_dlq")
    put(db, "sms_dlq", {"queue": "sms_queue", "message": f"text {THEIRS}: {WORDS}", "reason": "?"})
    for status in ("active", "ended"):
        db.execute(
            "insert into messaging.series (rule, starts_at, time_zone, draft, status) "
            "values ('FREQ=DAILY;COUNT=3', now(), 'UTC', %s, %s)",
            [json.dumps(whole), status],
        )


def test_no_table_of_any_schema_tells_the_number_or_its_words(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    history(db)
    waiting = theirs(db, recipient_phone="415.555.2671", scheduled_for="2099-01-01")
    refused = theirs(db, recipient_phone="(415) 555-2671 ext. 5", message_content=WORDS)
    work(rt)
    assert "failed" == row(db, refused).status
    queued(db)
    db.execute("analyze")
    full = dump(db)
    assert [] == [trace for trace in TRACES if trace not in full]
    assert EVERYWHERE <= set().union(*(holding(db, trace) for trace in TRACES))
    say(db, Consent.OPTED_OUT)
    erase(rt)
    assert ("suppressed", ERASED) == (row(db, waiting).status, row(db, waiting).recipient_phone)
    left = dump(db)
    assert [] == [line for line in left.splitlines() if any(trace in line for trace in TRACES)], (
        "in a table, or in what the planner remembers of one"
    )


EVERYWHERE = {
    "messaging.cap_uses",
    "messaging.consent_events",
    "messaging.consents",
    "messaging.dead_numbers",
    "messaging.destinations",
    "messaging.inbound_messages",
    "messaging.message_events",
    "messaging.series",
    "messaging.stops",
    "pgmq.a_sms_dlq",
    "pgmq.a_sms_priority_queue",
    "pgmq.a_sms_queue",
    "pgmq.q_sms_dlq",
    "pgmq.q_sms_priority_queue",
    "pgmq.q_sms_queue",
    "public.message_jobs",
}
"""Where the number stands before it is erased; the columns of a new table, see below."""
HARMLESS = {
    "messaging.alert_notices",
    "messaging.alerts",
    "messaging.campaign_turns",
    "messaging.cap_counts",
    "messaging.dialing_codes",
    "messaging.erased_consents",
    "messaging.erasure_keys",
    "messaging.erasures",
    "messaging.heartbeats",
    "messaging.inbound_reading",
    "messaging.rule_versions",
    "messaging.rulebooks",
    "messaging.schema_migrations",
    "messaging.occurrences",
    "messaging.opt_out_line",
    "messaging.prices",
    "messaging.retention_walks",
    "messaging.stopped_jobs",
    "messaging.stopping",
    "messaging.template_versions",
    "messaging.watches",
    "pgmq.meta",
    "pgmq.notify_insert_throttle",
    "pgmq.topic_bindings",
    "public.message_templates",
}
"""Tables that tell no recipient; a STOP that is being carried out is waited for."""


def test_whoever_adds_a_table_says_what_an_erasure_does_with_it(db: Database) -> None:
    found = {
        f"{schema}.{table}"
        for schema, table in db.execute(
            "select distinct table_schema, table_name from information_schema.columns "
            "join information_schema.tables using (table_schema, table_name) "
            "where table_type = 'BASE TABLE' "
            "and table_schema not in ('pg_catalog', 'information_schema')"
        )
    }
    assert set() == found - EVERYWHERE - HARMLESS, "fill it in `history`, or say it is harmless"


def test_a_real_dump_tells_neither(
    rt: Runtime, db: Database, database_url: str, twilio: Simulator
) -> None:
    program = dumping()
    history(db)
    queued(db)
    say(db, Consent.OPTED_OUT)
    assert traces(program, database_url)
    erase(rt)
    assert [] == traces(program, database_url)


def dumping() -> str:
    from messaging.local import binaries

    program = binaries.postgres(18).bin / "pg_dump"
    if not program.exists():
        pytest.skip("this PostgreSQL comes without pg_dump")
    return str(program)


def traces(program: str, url: str) -> list[str]:
    written = subprocess.run(
        [program, "--dbname", url, "--no-owner"], capture_output=True, check=True
    ).stdout.decode()
    assert "COPY public.message_jobs" in written
    return [line for line in written.splitlines() if any(trace in line for trace in TRACES)]


def test_what_accounts_need_stays(rt: Runtime, db: Database, twilio: Simulator) -> None:
    id = history(db)
    accounts = (
        "select status, segments, sent_at, created_at, twilio_sid, attempt, updated_at, "
        "delivery_status, error_code, user_id from message_jobs where id = %s"
    )
    before = db.execute(accounts, [id]).fetchall()
    events = kinds(db, id)
    erased = erase(rt)
    assert before == db.execute(accounts, [id]).fetchall()
    assert [*events, "erased"] == kinds(db, id)
    assert (1, 1) == (erased.messages, erased.inbound)
    left = db.execute(
        "select metadata, template_vars, media_urls, idempotency_key, content_key, error_details "
        "from message_jobs where id = %s",
        [id],
    ).fetchone()
    assert ({"campaign": "spring"}, None, [], None, None) == (left or ())[:5]
    assert {"message": "Erased.", "rule": "x"} == (left or ())[5]


def test_others_are_left_alone(rt: Runtime, db: Database, twilio: Simulator) -> None:
    theirs(db)
    mention = insert(db, recipient_phone=OTHER, message_content=f"Call {THEIRS}")
    longer = insert(db, recipient_phone="+33 141 555 526", message_content="x")
    put(db, "sms_dlq", {"message": {"to": OTHER, "body": f"Call {THEIRS}"}})
    say(db, Consent.OPTED_OUT, phone=OTHER)
    work(rt)
    before = row(db, mention), row(db, longer)
    erased = erase(rt)
    assert before == (row(db, mention), row(db, longer))
    assert (mention,) == tuple(erased.mentions)
    assert 1 == len(db.execute("select from pgmq.q_sms_dlq").fetchall())
    assert 1 == len(consent.story(db, OTHER))


def test_an_erased_number_that_had_opted_out_is_not_texted_by_any_door(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    say(db, Consent.OPTED_OUT)
    assert erase(rt).opted_out
    assert [] == consent.story(db, THEIRS)
    bare = theirs(db)
    (by_sql,) = db.execute(
        "select id from messaging.enqueue(%s)",
        [json.dumps([{"recipient_phone": THEIRS, "message_content": "Hi"}])],
    ).fetchone() or (None,)
    other = insert(db, recipient_phone=OTHER)
    put(db, "sms_queue", {"to": THEIRS, "body": "whole"})
    first = work(rt)
    assert Counter({"suppressed": 3, "sent": 1}) == first.outcomes + work(rt).outcomes
    for id in (bare, by_sql):
        assert "suppressed" == row(db, id).status
        reason = db.execute("select error_details from message_jobs where id = %s", [id]).fetchone()
        assert ({"rule": "opt_out", "message": "The recipient opted out."},) == reason
    assert "sent" == row(db, other).status
    assert [OTHER] == [message.to for message in twilio.ledger.outbound]


def test_neither_is_one_whose_text_twilio_would_keep(
    environment: dict[str, str], rt: Runtime, db: Database, twilio: Simulator
) -> None:
    say(db, Consent.OPTED_OUT)
    erase(rt)
    id = later(db, recipient_phone=THEIRS)
    native = runtime.build(load({**environment, "TWILIO_NATIVE_SCHEDULING": "true"}))
    assert 0 == handover.hand_over(native)
    native.close()
    assert ("suppressed", 0) == (row(db, id).status, len(twilio.ledger.outbound))


def test_one_that_had_not_opted_out_leaves_nothing_behind(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    say(db, Consent.OPTED_IN)
    theirs(db)
    work(rt)
    assert not erase(rt).opted_out
    assert [] == erasure.keys(db)
    assert [(None,)] == db.execute("select whom from messaging.erasures").fetchall()
    theirs(db)
    assert Counter({"sent": 1}) == work(rt).outcomes


def test_whom_somebody_blocked_is_not_texted_afterwards_either(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    db.execute("insert into messaging.destinations (rule, what) values ('block', %s)", [THEIRS])
    assert erase(rt).opted_out
    theirs(db)
    assert Counter({"suppressed": 1}) == work(rt).outcomes


@pytest.mark.parametrize(
    ("category", "expected"), [("transactional", "sent"), ("marketing", "suppressed")]
)
def test_the_later_word_on_each_category_counts_as_before(
    rt: Runtime, db: Database, twilio: Simulator, category: str, expected: str
) -> None:
    say(db, Consent.OPTED_OUT)
    say(db, Consent.OPTED_IN, "transactional")
    erase(rt)
    id = theirs(db, category=category, time_zone=zone_at(db, 12))  # marketing waits at night
    work(rt)
    assert expected == row(db, id).status


def test_a_new_word_revives_it_and_an_erasure_keeps_that(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    say(db, Consent.OPTED_OUT)
    erase(rt)
    say(db, Consent.OPTED_IN)
    theirs(db)
    assert Counter({"sent": 1}) == work(rt).outcomes
    assert not erase(rt).opted_out
    theirs(db)
    assert Counter({"sent": 1}) == work(rt).outcomes
    assert 2 == len(db.execute("select from messaging.erased_consents").fetchall()), "history"
    say(db, Consent.OPTED_OUT)
    erase(rt)
    theirs(db)
    assert Counter({"suppressed": 1}) == work(rt).outcomes


@pytest.mark.parametrize("said", ["YES", "START"])
@pytest.mark.parametrize(
    ("key", "opted_out_before", "revived"),
    [(KEY, 3600, True), (KEY, 0, False), (OLDER, 3600, False)],
    ids=["said later", "said before", "the key is missing"],
)
def test_a_start_that_no_webhook_brought_revives_it_only_where_it_is_the_later_word(
    rt: Runtime, environment: dict[str, str], db: Database, twilio: Simulator,
    said: str, key: str, opted_out_before: int, revived: bool,
) -> None:  # fmt: skip
    say(db, Consent.OPTED_OUT)
    erase(rt)
    db.execute("set session_replication_role = replica")  # the table is closed to changes
    db.execute(
        "update messaging.erased_consents set since = since - make_interval(secs => %s)",
        [opted_out_before],
    )
    db.execute("reset session_replication_role")
    for phone, body in ((THEIRS, said), (OTHER, "STOP")):
        received = twilio.receive(phones.Inbound(sender=phone, body=body, recipient="+15005550006"))
        message = twilio.ledger.get(received.sid)
        assert message is not None
        message.sent_at = message.created_at = message.created_at - 300
    reader = runtime.build(load({**environment, "MESSAGING_ERASURE_KEY": key}))
    assert 2 == missed.find(reader)
    reader.close()
    consent.finish_overdue(db, timedelta(0))
    expected = {OTHER: "opted_out"} | ({THEIRS: "opted_in"} if revived else {})
    rows = db.execute("select phone, state from messaging.consent_events").fetchall()
    assert sorted(expected.items()) == sorted(rows)


def test_a_stop_that_is_being_carried_out_is_kept(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    optout.begin(rt, THEIRS, "keyword", {"sid": "SM1"}, None)
    begun = erasing.begin(rt, THEIRS, "ann")
    rt.stopping.set()
    with pytest.raises(Refused, match="1 a STOP that is being carried out"):
        erasing.erase(rt, begun)
    rt.stopping.clear()
    assert erase(rt).opted_out
    assert [] == db.execute("select from messaging.stopping").fetchall()


def test_what_is_not_over_hinders_it_and_what_waits_is_ended_all_the_same(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    doubtful = in_doubt(rt, db, twilio, Kind.RESET_AFTER, recipient_phone=THEIRS)
    waiting = theirs(db)
    say(db, Consent.OPTED_OUT)
    heard(db, "SM" + "2" * 32, "please leave me alone", refuses=True)
    with pytest.raises(Refused, match=r"1 in doubt: .*; 1 sent to us, sounds like a refusal"):
        erase(rt)
    assert ("in_doubt", "suppressed") == (row(db, doubtful).status, row(db, waiting).status)
    assert (THEIRS, ["opted_out"]) == (
        row(db, doubtful).recipient_phone,
        [one.state for one in consent.story(db, THEIRS) if one.kind == "consent"],
    ), "nothing is erased that could prove anything"


def test_a_text_that_is_being_sent_is_waited_for(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = theirs(db)
    hints = take(rt)
    twilio.faults.add(Rule(kind=Kind.HANG_BEFORE))
    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(delivery.deliver, rt, Lane.NORMAL, hints)
        assert wait_until(lambda: bool(twilio.holds.held), limit=10)
        erased = pool.submit(erase, rt)
        assert wait_until(lambda: is_recalled(db, id), limit=10)
        assert not erased.done()
        twilio.release()
        assert Counter({"sent": 1}) == sending.result().outcomes
        assert 1 == erased.result().messages
    assert ("sent", ERASED) == (row(db, id).status, row(db, id).recipient_phone)


def is_recalled(db: Database, id: UUID) -> bool:
    return [("cancel",)] == db.execute(
        "select recall from message_jobs where id = %s", [id]
    ).fetchall()


def test_a_text_that_twilio_keeps_is_taken_back(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    rt = runtime.build(load({**environment, "TWILIO_NATIVE_SCHEDULING": "true"}))
    id = later(db, recipient_phone=THEIRS)
    assert 1 == handover.hand_over(rt)
    erase(rt)
    rt.close()
    assert ("canceled", ERASED) == (row(db, id).status, row(db, id).recipient_phone)
    assert ["canceled"] == [message.status for message in twilio.ledger.outbound]


def test_who_is_killed_in_the_middle_is_run_again(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    """Each step is committed by itself, so a death is that the next ones do not happen."""
    id = history(db)
    say(db, Consent.OPTED_OUT)
    begun = erasing.begin(rt, THEIRS, "ann")
    with rt.db.connection() as conn:
        erasure.erase_consent(
            conn, begun.id, THEIRS, rt.settings.keyring.whoms(THEIRS), rt.settings.keyring.keys[0]
        )
    assert [False] == [bool(one.finished_at) for one in erasure.latest(db, 9)]
    db.execute("delete from messaging.dead_numbers")
    theirs(db)
    assert Counter({"suppressed": 1}) == work(rt).outcomes
    assert erase(rt).opted_out
    [done] = erasure.latest(db, 9)
    assert (begun.id, True, "ann", 2, 1) == (
        done.id,
        bool(done.finished_at),
        done.asked_by,
        done.messages,
        done.inbound,
    )
    assert ERASED == row(db, id).recipient_phone
    again = erase(rt)
    assert (0, 0, 0, 0, True) == (
        again.messages,
        again.inbound,
        again.ledger,
        again.others,
        again.opted_out,
    )


def test_an_opt_out_is_at_every_moment_in_one_of_the_two_places(
    rt: Runtime, db: Database, database_url: str, twilio: Simulator
) -> None:
    say(db, Consent.OPTED_OUT)
    begun = erasing.begin(rt, THEIRS, "ann")
    keyring = rt.settings.keyring
    with psycopg.connect(database_url) as half_way:
        erasure.erase_consent(half_way, begun.id, THEIRS, keyring.whoms(THEIRS), keyring.keys[0])
        theirs(db)
        assert Counter({"suppressed": 1}) == work(rt).outcomes
    theirs(db)
    assert Counter({"suppressed": 1}) == work(rt).outcomes


def test_receipts_and_texts_that_come_afterwards_are_recorded(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    dead, passing = (theirs(db, max_carrier_retries=3) for _ in range(2))
    work(rt)
    erase(rt)
    late = [
        Receipt(
            sid=Sid(row(db, id).twilio_sid or ""),
            status="undelivered",
            job_id=JobId(id),
            error_code=code,
        )
        for id, code in ((dead, 30005), (passing, 30008))
    ]
    with rt.db.connection() as conn:
        record(conn, late, rt.settings)
    for id, code in ((dead, 30005), (passing, 30008)):
        told = row(db, id)
        assert ("undelivered", code, ERASED) == (
            told.delivery_status,
            told.error_code,
            told.recipient_phone,
        )
    assert [] == numbers.find(db, 9), "nobody is dead"
    assert [(2,)] == db.execute("select count(*) from message_jobs").fetchall(), "nor texted again"
    heard(db, "SM" + "3" * 32, "Hello?")
    assert 1 == erase(rt).inbound


def test_an_erased_message_is_never_sent_again(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    twilio.faults.add(Rule(kind=Kind.REJECT, code=21408))
    id = theirs(db)
    work(rt)
    assert "failed" == row(db, id).status
    erase(rt)
    assert [] == db.execute("select from messaging.dead_letters").fetchall()
    [(result,)] = db.execute("select result from messaging.replay(array[%s::uuid])", [id])
    assert "refused" == result


def test_a_message_that_is_handed_over_again_with_its_key_is_not_sent_twice(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    draft = {"recipient_phone": THEIRS, "message_content": WORDS, "idempotency_key": "order-17"}
    hand_over = "select result from messaging.enqueue(%s)"
    assert [("created",)] == db.execute(hand_over, [json.dumps([draft])]).fetchall()
    work(rt)
    erase(rt)
    assert [("refused",)] == db.execute(hand_over, [json.dumps([draft])]).fetchall()


def test_ledger_and_journal_are_as_closed_as_before(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    say(db, Consent.OPTED_OUT, phone=OTHER)
    id = insert(db, recipient_phone=OTHER)
    work(rt)
    say(db, Consent.OPTED_OUT)
    erase(rt)
    for statement in (
        "delete from messaging.consent_events",
        "update messaging.consent_events set state = 'opted_in'",
        "truncate messaging.consent_events cascade",
        "delete from messaging.erased_consents",
        "update messaging.erased_consents set state = 'opted_in'",
        "truncate messaging.erased_consents",
        "update messaging.message_events set details = '{}'",
    ):
        with pytest.raises(psycopg.errors.IntegrityError):
            db.execute(statement.encode())
    assert ["settled"] == kinds(db, id)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="is not under way"):
        db.execute("select messaging.work_on_erasure(1)")


def test_without_the_key_nothing_is_erased(db: Database, environment: dict[str, str]) -> None:
    rt = runtime.build(load({**environment, "MESSAGING_ERASURE_KEY": ""}))
    say(db, Consent.OPTED_OUT)
    with pytest.raises(Refused, match="Set MESSAGING_ERASURE_KEY first"):
        erasing.begin(rt, THEIRS, "ann")
    rt.close()
    assert [] == erasure.latest(db, 9)


def test_who_lacks_a_key_sends_nothing_until_it_is_set_or_given_up(
    rt: Runtime, db: Database, environment: dict[str, str], twilio: Simulator
) -> None:
    say(db, Consent.OPTED_OUT)
    erase(rt)
    id = insert(db, recipient_phone=OTHER)
    [key] = erasure.keys(db)
    changed = runtime.build(load({**environment, "MESSAGING_ERASURE_KEY": OLDER}))
    hints = take(changed)
    with pytest.raises(Misconfigured, match=f"erased with the key {key.id}"):
        delivery.deliver(changed, Lane.NORMAL, hints)
    assert ("pending", 0, 0) == (
        row(db, id).status,
        row(db, id).attempt,
        len(twilio.ledger.outbound),
    )
    with pytest.raises(Misconfigured):
        erasing.begin(changed, THEIRS, "ann")
    assert erasure.give_key_up(db, key.id, "ann")
    assert Counter({"sent": 1}) == delivery.deliver(changed, Lane.NORMAL, hints).outcomes
    changed.close()


def test_an_older_key_is_asked_beside_the_new_one(
    rt: Runtime, db: Database, environment: dict[str, str], twilio: Simulator
) -> None:
    say(db, Consent.OPTED_OUT)
    erase(rt)
    both = runtime.build(load({**environment, "MESSAGING_ERASURE_KEY": f"{OLDER}\n{KEY}"}))
    theirs(db)
    assert Counter({"suppressed": 1}) == work(both).outcomes
    say(db, Consent.OPTED_IN)
    assert not erase(both).opted_out
    theirs(db)
    assert Counter({"sent": 1}) == work(both).outcomes
    both.close()


def test_twilios_records_are_deleted_if_that_is_wanted(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = theirs(db)
    work(rt)
    sid = row(db, id).twilio_sid
    heard(db, "SM" + "4" * 32, "Hello")
    other = insert(db, recipient_phone=OTHER)
    work(rt)
    assert wait_until(
        lambda: all(m.status == "delivered" for m in twilio.ledger.outbound), limit=10
    )
    refusal = twilio.faults.add(Rule(kind=Kind.ERROR_BEFORE, call=Call.DELETE))
    with pytest.raises(Refused, match="did not say that it has deleted 1 text"):
        erase(rt, at_twilio=True)
    assert THEIRS == row(db, id).recipient_phone, "else nobody would know what to delete"
    twilio.faults.remove(refusal)
    erase(rt, at_twilio=True)
    assert {sid: True, row(db, other).twilio_sid: False} == {
        message.sid: message.deleted for message in twilio.ledger.outbound
    }
    assert ERASED == row(db, id).recipient_phone
