"""The opt-out line: on the first text to a number, once for all of its tries, never on none."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from messaging import (
    Draft,
    Messaging,
    bridge,
    comparison,
    delivery,
    handover,
    promotion,
    reconciliation,
    recurring,
    runtime,
)
from messaging.comparison import Wish
from messaging.domain.caps import Caps
from messaging.domain.category import Category
from messaging.domain.comparison import Kind as Verdict
from messaging.domain.comparison import Window
from messaging.domain.job import JobId, Lane
from messaging.domain.opt_out_line import Completed
from messaging.errors import Refused
from messaging.local import clock
from messaging.local.simulator import Simulator
from messaging.local.simulator.rules import Kind, Rule
from messaging.postgres import guards, jobs, messages, opting_out
from messaging.runtime import Runtime
from messaging.settings import load
from tests.integration.command_line import CommandLine
from tests.integration.databases import Database, one
from tests.integration.story import (
    end_leases,
    in_doubt,
    insert,
    kinds,
    row,
    take,
    work,
)

LINE = "Reply STOP to opt out."
OTHER = "+15555550101"
AT_ALL_HOURS = {
    "MESSAGING_QUIET_HOURS_MARKETING": "off",
    "MESSAGING_QUIET_HOURS_BY_LAW": "false",
    "MESSAGING_COUNTRIES": "*",
}


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, **AT_ALL_HOURS}


@pytest.fixture
def wordless(environment: dict[str, str]) -> Iterator[Runtime]:
    """A runtime whose texts get no line."""
    made = runtime.build(load({**environment, "MESSAGING_OPT_OUT_LINE": "off"}))
    yield made
    made.close()


@pytest.fixture
def command_line(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def sale(db: Database, text: str = "Sale", **columns: object) -> UUID:
    return insert(db, **{"message_content": text, "category": "marketing", **columns})


def bodies(twilio: Simulator) -> list[str]:
    return [message.body for message in twilio.ledger.outbound]


def completed(text: str) -> str:
    return f"{text}\n{LINE}"


def pass_minute(db: Database, id: UUID) -> None:
    """The doubt of this job is old enough for Twilio to be asked and its list to be trusted."""
    db.execute(
        "update message_jobs set claimed_at = claimed_at - interval '70 seconds', "
        "due_at = now() where id = %s",
        [id],
    )


def test_the_first_marketing_text_to_a_number_has_the_line(
    rt: Runtime, db: Database, twilio: Simulator, command_line: CommandLine
) -> None:
    first = sale(db)
    work(rt)
    second = sale(db, "More", category="marketing")
    insert(db, recipient_phone=OTHER, message_content="Your code")
    work(rt)
    assert [completed("Sale"), "More", "Your code"] == bodies(twilio)
    assert ["opt_out_line", "settled"] == kinds(db, first)
    assert ["settled"] == kinds(db, second)
    (added,) = command_line("explain", str(first), "--json").json["journal"][1:2]
    assert f"“{LINE}” was added; with it the text has 1 part." in added["text"]


def test_where_the_line_is_off_nothing_is_added_nor_looked_up(
    wordless: Runtime, db: Database, twilio: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opting_out, "first_texts", None)
    sale(db)
    work(wordless)
    assert ["Sale"] == bodies(twilio)


def test_transactional_texts_cost_no_look(
    rt: Runtime, db: Database, twilio: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opting_out, "first_texts", None)
    insert(db, message_content="Your code")
    work(rt)
    assert ["Your code"] == bodies(twilio)


def test_of_a_series_that_was_handed_over_at_once_the_first_has_the_line(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    ids = [sale(db, f"n {n}", scheduled_for="2090-01-01 00:00:00+00") for n in range(4)]
    for id in ids:
        db.execute("update message_jobs set due_at = now() where id = %s", [id])
        promotion.promote(rt)
        work(rt)
    assert [completed("n 0"), "n 1", "n 2", "n 3"] == bodies(twilio)


def test_of_two_at_the_same_time_both_have_the_line(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    """The first may still fail: then the second is the first."""
    sale(db, "one")
    first = take(rt)
    sale(db, "two")
    second = take(rt)
    delivery.deliver(rt, Lane.NORMAL, second)
    delivery.deliver(rt, Lane.NORMAL, first)
    assert {completed("one"), completed("two")} == set(bodies(twilio))


def test_a_text_that_came_to_nothing_told_nobody(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    fault = twilio.faults.add(Rule(kind=Kind.REJECT, code=30007))
    failed = sale(db, "one")
    work(rt)
    twilio.faults.remove(fault)
    assert "failed" == row(db, failed).status
    sale(db, "two")
    work(rt)
    assert [completed("two")] == bodies(twilio)
    db.execute("update message_jobs set delivery_status = 'undelivered' where status = 'sent'")
    sale(db, "three")
    work(rt)
    assert [completed("two"), completed("three")] == bodies(twilio)


def test_every_try_of_a_text_says_the_same(rt: Runtime, db: Database, twilio: Simulator) -> None:
    """Also where another text has told the number meanwhile, and where the line has changed."""
    fault = twilio.faults.add(Rule(kind=Kind.TOO_MANY_REQUESTS))
    id = sale(db, "one")
    work(rt)
    twilio.faults.remove(fault)
    assert ("retrying", completed("one")) == (row(db, id).status, row(db, id).message_content)
    sale(db, "two")
    work(rt)
    db.execute("update message_jobs set due_at = now() where id = %s", [id])
    promotion.promote(rt)
    work(rt)
    assert [completed("two"), completed("one")] == bodies(twilio)


def test_a_text_that_was_tried_without_the_line_stays_without(
    wordless: Runtime, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    """It is changed between its tries by nothing: Twilio's list is compared with what it says."""
    fault = twilio.faults.add(Rule(kind=Kind.TOO_MANY_REQUESTS))
    id = sale(db)
    work(wordless)
    twilio.faults.remove(fault)
    db.execute("update message_jobs set due_at = now() where id = %s", [id])
    promotion.promote(rt)
    work(rt)
    assert ["Sale"] == bodies(twilio)


@pytest.mark.parametrize("kind", [Kind.RESET_AFTER, Kind.RESET_BEFORE])
def test_a_text_in_doubt_is_found_with_its_line_or_sent_again_with_it(
    rt: Runtime, db: Database, twilio: Simulator, kind: Kind
) -> None:
    id = in_doubt(rt, db, twilio, kind, message_content="Sale", category="marketing")
    for _ in range(2):
        pass_minute(db, id)
        reconciliation.reconcile(rt)
    end_leases(db)
    work(rt)
    assert ("sent", [completed("Sale")]) == (row(db, id).status, bodies(twilio))


def test_a_text_that_is_handed_out_twice_gets_the_line_once(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    """A worker, or Redis, was lost between the line and the claim."""
    id = sale(db)
    take(rt)
    end_leases(db)
    work(rt)
    assert [completed("Sale")] == bodies(twilio)
    assert ["opt_out_line", "settled"] == kinds(db, id)


def test_a_text_that_is_claimed_is_not_changed_any_more(rt: Runtime, db: Database) -> None:
    id = JobId(sale(db))
    take(rt)
    with rt.db.connection() as conn:
        conn.execute("update message_jobs set opt_out_line = null, status = 'processing'")
        assert [] == opting_out.first_texts(conn, [id])
        assert set() == opting_out.add_lines(conn, [Completed(id=id, line=LINE, segments=2)])
        assert not opting_out.refuse(conn, id, "Too long.")
        conn.rollback()


def test_the_line_counts_as_part_of_the_text(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    """For the throttle before it is claimed, for the caps, and in the message."""
    limits = {"TWILIO_RATE_LIMIT_PER_SECOND": "100", "TWILIO_RATE_LIMIT_UNIT": "segments"}
    with closing(runtime.build(load({**environment, **limits}))) as rt:
        id = JobId(sale(db, "a" * 150))
        assert [2] == [hint.segments for hint in take(rt)]
    assert 2 == one(db, "select segments from message_jobs where id = %s", id)
    assert jobs.claim(db, [id], timedelta(seconds=45), Caps(segments_hour=100))
    assert 2 == one(db, "select sum(segments)::int from messaging.cap_uses")


def test_a_text_without_room_for_the_line_fails_with_the_reason(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    id = sale(db, "a" * 1590)
    work(rt)
    assert ("failed", []) == (row(db, id).status, bodies(twilio))
    details = one(db, "select error_details ->> 'message' from message_jobs where id = %s", id)
    assert "1,613 characters with the opt-out line: shorten it" in str(details)
    assert ["refused"] == kinds(db, id)


MOST = 1600 - 1 - len(LINE)
NO_ROOM = f"no room for the opt-out line.* shorten it to {MOST:,} or fewer"


def test_a_text_without_room_is_refused_as_it_is_handed_over(
    environment: dict[str, str], rt: Runtime, db: Database
) -> None:
    drafts = [
        Draft(to=OTHER, body="a" * length, category=Category.MARKETING)
        for length in (MOST + 1, MOST)
    ]
    with Messaging(load(environment)) as outbox:
        refused, created = outbox.enqueue_many(drafts)
    assert ("refused", "created") == (refused.result, created.result)
    assert re.search(NO_ROOM, refused.reason or "")
    with pytest.raises(Refused, match=NO_ROOM):
        recurring.add(
            db, rt.settings, drafts[0], rule="FREQ=DAILY;COUNT=2", starts_at=datetime(2090, 1, 1)
        )


def test_so_it_is_with_sql_once_a_bridge_has_run(rt: Runtime, db: Database) -> None:
    def answers(**item: object) -> list[tuple[str, str | None]]:
        whole = {"recipient_phone": OTHER, "category": "marketing", **item}
        other = {"recipient_phone": OTHER, "message_content": "Your code"}
        return [(one.result, one.reason) for one in messages.enqueue(db, [whole, other])]

    too_long = "a" * (MOST + 1)
    created = [("created", None)] * 2
    assert created == answers(message_content=too_long), "nobody has told Postgres the line"
    list(bridge.chunks(rt, Lane.NORMAL, lambda: 0, timedelta(0)))
    (result, reason), other = answers(message_content=too_long)
    assert ("refused", created[1]) == (result, other)
    assert re.search(NO_ROOM.replace(",", ""), reason or "")
    assert created == answers(message_content="a" * MOST)
    assert created == answers(message_content="a" * 1570 + LINE)
    assert created == answers(message_content=too_long, category="transactional")


def test_postgres_forgets_the_line_when_it_is_off(
    wordless: Runtime, rt: Runtime, db: Database
) -> None:
    for runs in (rt, rt, wordless):
        list(bridge.chunks(runs, Lane.NORMAL, lambda: 0, timedelta(0)))
    assert [("", [])] == db.execute(
        "select line, categories from messaging.opt_out_line"
    ).fetchall()
    item = {"recipient_phone": OTHER, "category": "marketing", "message_content": "a" * 1600}
    assert ["created"] == [answer.result for answer in messages.enqueue(db, [item])]


def test_a_plan_and_a_trial_say_that_there_is_no_room(
    command_line: CommandLine, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text(f"to,body,category\n{OTHER},{'a' * (MOST + 1)},marketing\n")
    for words in (("plan",), ("enqueue", "--dry-run")):
        ran = command_line(*words, str(texts))
        assert 4 == ran.code
        assert re.search(NO_ROOM, " ".join(ran.out.split()))


def test_a_text_that_has_the_line_gets_no_second_one(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    sale(db, f"Sale. {LINE}")
    work(rt)
    sale(db, "More")
    work(rt)
    assert [f"Sale. {LINE}", "More"] == bodies(twilio)


def test_the_same_text_with_its_key_is_still_the_same(
    environment: dict[str, str], rt: Runtime, db: Database
) -> None:
    draft = Draft(to=OTHER, body="Sale", category=Category.MARKETING, idempotency_key="k")
    with Messaging(load(environment)) as outbox:
        first = outbox.enqueue(draft)
        work(rt)
        assert first == outbox.enqueue(draft)
        with pytest.raises(Refused, match="key"):
            outbox.enqueue(Draft(to=OTHER, body=completed("Sale"), idempotency_key="k"))
    assert completed("Sale") == row(db, first).message_content


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (None, "Hallo"),
        (True, f"Hallo\n{LINE}"),
        ("Ende mit STOPP", "Hallo\nEnde mit STOPP"),
        ({"de": "Stopp: STOPP", "en": "Stop: STOP"}, "Hallo\nStopp: STOPP"),
    ],
)
def test_a_template_says_whether_and_in_which_words(
    rt: Runtime, db: Database, twilio: Simulator, said: object, body: str
) -> None:
    template = one(
        db,
        "insert into message_templates (name, content_template, language, texts, opt_out_line) "
        "values ('hi', 'Hello', 'en', '{\"de\": \"Hallo\"}', %s::jsonb) returning id",
        json.dumps(said) if said is not None else None,
    )
    variables = Jsonb({"language": "de-AT"})
    insert(db, message_content="", template_id=template, template_vars=variables)
    work(rt)
    assert [body] == bodies(twilio)


def test_a_template_may_say_no(rt: Runtime, db: Database, twilio: Simulator) -> None:
    template = one(
        db,
        "insert into message_templates (name, content_template, category, opt_out_line) "
        "values ('hi', 'Hello', 'marketing', 'false') returning id",
    )
    insert(db, message_content="", template_id=template)
    work(rt)
    assert ["Hello"] == bodies(twilio)


def test_twilio_keeps_no_text_that_may_be_the_first(
    environment: dict[str, str], db: Database, twilio: Simulator
) -> None:
    later = one(db, "select now() + interval '2 hours'")
    with closing(runtime.build(load({**environment, "TWILIO_NATIVE_SCHEDULING": "true"}))) as rt:
        sale(db, scheduled_for=later)
        insert(db, scheduled_for=later, message_content="Reminder")
        assert 1 == handover.hand_over(rt)
        sale(db, "First")
        work(rt)
        assert 1 == handover.hand_over(rt)
    assert ["Reminder", completed("First"), "Sale"] == bodies(twilio)


def test_a_text_that_repeats_one_has_the_line_once(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    again = {"retry_of": sale(db), "prepared_at": "2026-01-01"}
    work(rt)
    db.execute("update message_jobs set delivery_status = 'undelivered'")
    copy = sale(db, completed("Sale"), **again)
    work(rt)
    assert [completed("Sale")] * 2 == bodies(twilio)
    assert "" == one(db, "select opt_out_line from message_jobs where id = %s", copy)


def test_after_a_restore_a_text_is_known_by_its_own_words(
    rt: Runtime, db: Database, twilio: Simulator
) -> None:
    """The database has forgotten the line, the claim and the send."""
    id = sale(db)
    work(rt)
    db.execute("set session_replication_role = replica")
    db.execute(
        "update message_jobs set status = 'pending', attempt = 0, twilio_sid = null, "
        "sent_at = null, delivery_status = null, opt_out_line = null, message_content = 'Sale'"
    )
    db.execute("set session_replication_role = origin")
    window = Window(since=clock.now() - timedelta(hours=1))
    with closing(comparison.compare(rt, Wish(window=window, apply=True))) as compared:
        assert {Verdict.RECORDED: 1, Verdict.HELD: 0} == dict(compared.result.done)
    assert ("sent", 1) == (row(db, id).status, len(bodies(twilio)))


def test_what_is_stopped_is_not_completed_yet(rt: Runtime, db: Database) -> None:
    assert guards.stop(db, "country", "US", "Wrong price", "Ann")
    id = sale(db)
    assert [] == take(rt)
    assert "opt_out_line" not in kinds(db, id)


def test_categories_are_the_same_in_the_database(db: Database) -> None:
    """Each list that a constraint has is the one of domain/category.py."""
    checks = db.execute(
        "select conname, pg_get_constraintdef(oid) from pg_constraint "
        "where contype = 'c' and conname ~ 'category$'"
    ).fetchall()
    assert len(checks) >= 3
    for name, check in checks:
        words = {word.split("'")[1] for word in check.split("::text") if "'" in word}
        assert set(Category) == words - {"all"}, name
