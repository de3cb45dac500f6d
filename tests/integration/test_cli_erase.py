"""`messaging erase` and `messaging erasures` against a real database."""

import io
import subprocess
import sys

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging.domain.erasure import Key
from messaging.domain.phone import normalise
from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.postgres import erasure
from messaging.runtime import Runtime
from tests.integration.command_line import CommandLine
from tests.integration.dumps import contents, dump, holding
from tests.integration.story import TO, insert, row, work
from tests.integration.test_erasure import EVERYWHERE, OTHER, THEIRS, history, queued

Database = Connection[TupleRow]
KEY = "k" * 32


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "MESSAGING_ERASURE_KEY": KEY}


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def test_an_erasure_is_told_and_listed_without_the_number(
    messaging: CommandLine, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    sent = insert(db)
    work(rt)
    messaging("consent", "opt-out", TO, "--evidence", "called")
    insert(db, recipient_phone="+15555550101", message_content=f"Ask {TO}")
    ran = messaging("erase", TO, "--by", "ann", "--json")
    assert 0 == ran.code
    assert {"messages": 1, "withdrawn": 0, "ledger": 1, "opted_out": True, "at_twilio": False} == {
        name: ran.json[name]
        for name in ("messages", "withdrawn", "ledger", "opted_out", "at_twilio")
    }
    listed = messaging("erasures", "list", "--json")
    assert [("ann", 1)] == [(one["asked_by"], one["messages"]) for one in listed.json["erasures"]]
    said = messaging("erase", TO).err + messaging("erasures", "list").out
    assert (True, False) == ("+1555*****00 is erased" in said, TO in said)
    assert "left alone" in messaging("erase", TO).err
    assert "Its number was erased" in messaging("explain", sent).out


def test_the_number_may_come_from_standard_input(
    messaging: CommandLine, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TO}\n"))
    assert 0 == messaging("erase", "--json").code
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    ran = messaging("erase")
    assert (2, True) == (ran.code, ran.err.startswith("✗ Which number?"))


def test_who_has_no_key_is_told_to_make_one(messaging: CommandLine, db: Database) -> None:
    messaging.set(MESSAGING_ERASURE_KEY="")
    code, said = messaging("erase", TO).error
    assert (2, True) == (code, said.startswith("Set MESSAGING_ERASURE_KEY first"))


def test_the_story_of_an_erased_number_says_that_it_had_opted_out(
    messaging: CommandLine, db: Database
) -> None:
    messaging("consent", "opt-out", TO, "--evidence", "called")
    messaging("erase", TO)
    story = messaging("consent", "show", TO, "--json").json
    assert ("opted_out", [("opted_out", "erased")]) == (
        story["standing"]["all"],
        [(one["what"], one["source"]) for one in story["chapters"]],
    )


def test_a_lost_key_is_given_up_once(messaging: CommandLine, db: Database) -> None:
    messaging("consent", "opt-out", TO, "--evidence", "called")
    messaging("erase", TO)
    [key] = erasure.keys(db)
    assert "keeps the opt-outs of 1 number" in messaging("erasures", "list").out
    assert 0 == messaging("erasures", "give-up", key.id, "--by", "ann").code
    assert 3 == messaging("erasures", "give-up", key.id).code
    assert "given up by ann" in messaging("erasures", "list").out


def test_an_erasure_that_is_killed_is_finished_by_the_next_one(
    messaging: CommandLine,
    environment: dict[str, str],
    database_url: str,
    rt: Runtime,
    db: Database,
    twilio: Simulator,
) -> None:
    """It dies where it waits for a row: its messages are erased by then, its consent is not."""
    sent = insert(db, message_content="Dear Zebulon")
    work(rt)
    messaging("consent", "opt-out", TO, "--evidence", "called")
    db.execute(
        "insert into messaging.dead_numbers (phone, error_code, until) values (%s, 1, now())", [TO]
    )
    with psycopg.connect(database_url) as holding:
        holding.execute("select from messaging.dead_numbers for update")
        process = subprocess.Popen(
            [sys.executable, "-m", "messaging", "erase"],
            env={**environment, "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin
        process.stdin.write(f"{TO}\n".encode())
        process.stdin.close()
        assert wait_until(lambda: waits(db), limit=60)
        process.kill()
        process.wait()
    assert ("erased", True) == (row(db, sent).recipient_phone, TO in dump(db))
    assert "not done" in messaging("erasures", "list").out
    assert messaging("erase", TO, "--json").json["opted_out"]
    left = dump(db)
    assert (False, False) == (TO[1:] in left, "Zebulon" in left)
    assert [True] == [bool(one.finished_at) for one in erasure.latest(db, 9)]


def test_a_trial_counts_what_an_erasure_takes_and_takes_nothing(
    messaging: CommandLine, rt: Runtime, db: Database, twilio: Simulator
) -> None:
    history(db)
    queued(db)
    messaging("consent", "opt-out", THEIRS, "--evidence", "called")
    insert(db, recipient_phone=THEIRS, scheduled_for="2099-01-01")
    insert(db, recipient_phone="(415) 555-2671", scheduled_for="2099-01-01")
    messaging.set(MESSAGING_DEFAULT_REGION="US")
    before = contents(db)
    trial = messaging("erase", THEIRS, "--dry-run", "--at-twilio", "--json")
    assert (0, before) == (trial.code, contents(db))
    foreseen = {(one["place"], one["fate"]): one["amount"] for one in trial.json["tables"]}
    places = {place for place, _ in foreseen} - {"messaging.erased_consents"}
    assert EVERYWHERE == places, "each table that may tell a number"
    assert {"at_twilio": 2, "key": erasure_key().id, "hindrances": {}} == {
        name: trial.json[name] for name in ("at_twilio", "key", "hindrances")
    }
    done = messaging("erase", THEIRS, "--json").json
    assert foreseen["public.message_jobs", "withdrawn"] == done["withdrawn"]
    jobs = ("withdrawn", "emptied")
    assert sum(foreseen["public.message_jobs", fate] for fate in jobs) == done["messages"]
    assert foreseen["messaging.inbound_messages", "emptied"] == done["inbound"]
    kept = db.execute("select count(*) from messaging.erased_consents").fetchone()
    assert (foreseen["messaging.erased_consents", "added"],) == kept
    again = messaging("erase", THEIRS, "--dry-run", "--json").json["tables"]
    assert [] == again, "an erasure leaves nothing that a trial counts"


def erasure_key() -> Key:
    return Key(KEY.encode())


def test_a_trial_tells_what_stands_against_it(messaging: CommandLine, db: Database) -> None:
    id = insert(db, recipient_phone=THEIRS)
    db.execute("update message_jobs set status = 'held', due_at = null where id = %s", [id])
    insert(db, recipient_phone=THEIRS)
    ran = messaging("erase", THEIRS, "--dry-run")
    assert 4 == ran.code
    found = messaging("erase", THEIRS, "--dry-run", "--json").json
    assert {"held": 1} == found["hindrances"], "what waits would be withdrawn"
    assert "It would be refused now: 1 held for a person" in ran.err
    assert "this was a trial" in ran.err
    messaging.set(MESSAGING_ERASURE_KEY="")
    assert "MESSAGING_ERASURE_KEY is not set" in messaging("erase", OTHER, "--dry-run").err


def test_a_trial_tells_that_a_block_is_kept_as_an_opt_out(
    messaging: CommandLine, db: Database
) -> None:
    db.execute("insert into messaging.destinations (rule, what) values ('block', %s)", [THEIRS])
    tables = messaging("erase", THEIRS, "--dry-run", "--json").json["tables"]
    assert [("messaging.destinations", 1), ("messaging.erased_consents", 1)] == [
        (one["place"], one["amount"]) for one in tables
    ]
    assert messaging("erase", THEIRS, "--json").json["opted_out"]


STORED = {
    "+9991234567": ("+9991234567", "+999 123-4567", "00999 1234567"),
    "12345": ("12345", "12345", " 12345"),
    "whatsapp:+14155552671": ("whatsapp:+14155552671",) * 3,
    "call me": ("call me", "call me", "call me "),
}


@pytest.mark.parametrize("number", STORED)
def test_whatever_may_be_stored_as_a_number_can_be_erased(
    messaging: CommandLine, rt: Runtime, db: Database, number: str
) -> None:
    sender, *recipients = STORED[number]
    db.execute(
        "insert into messaging.inbound_messages (sid, sender, recipient, body, media_urls) "
        "values (%s, %s, '+15005550006', 'Zebulon', '{}')",
        ["SM" + "1" * 32, sender],
    )
    failed = [insert(db, recipient_phone=to, message_content="Zebulon") for to in recipients]
    work(rt)
    assert {"failed"} == {row(db, id).status for id in failed}
    insert(db, recipient_phone=recipients[0], message_content="Zebulon", scheduled_for="2099-01-01")
    whole = Jsonb({"message": {"to": recipients[1], "body": "Zebulon"}})
    db.execute("select pgmq.send('sms_dlq', %s)", [whole])
    other = insert(db, recipient_phone=OTHER, message_content=f"Text {number}.")
    done = messaging("erase", number, "--json")
    assert (0, 1, 3, 1) == (
        done.code, *(done.json[name] for name in ("withdrawn", "messages", "inbound"))
    )  # fmt: skip
    assert OTHER == row(db, other).recipient_phone
    told = [str(other)] if len(number) >= 7 else []
    assert told == done.json["mentions"], "few digits stand in many texts"
    assert set() == holding(db, "Zebulon")
    left = db.execute(
        "select recipient_phone from message_jobs union "
        "select sender from messaging.inbound_messages"
    ).fetchall()
    assert {("erased",), (OTHER,)} == set(left)


def test_what_is_no_number_and_nowhere_is_refused(messaging: CommandLine, db: Database) -> None:
    code, said = messaging("erase", "+9991234567").error
    assert 2 == code
    assert "Nothing of it is kept as it is written, either." in said
    assert [] == erasure.latest(db, 9)
    assert 2 == messaging("erase", " ", "--dry-run").code


def test_a_short_code_may_look_like_a_number(messaging: CommandLine, db: Database) -> None:
    """Five digits may be a landline somewhere."""
    messaging.set(MESSAGING_DEFAULT_REGION="DE")
    code = "89190"
    assert f"+49{code}" == normalise(code, "DE")
    id = insert(db, recipient_phone=code, scheduled_for="2099-01-01")
    assert 0 == messaging("erase", code, "--as-written").code
    assert "erased" == row(db, id).recipient_phone
    assert 2 == messaging("erase", code, "--as-written").code


def waits(db: Database) -> bool:
    found = db.execute(
        "select pid from pg_stat_activity where wait_event_type = 'Lock' "
        "and query like '%erase_elsewhere%' and datname = current_database()"
    )
    return found.fetchone() is not None
