"""`messaging erase` and `messaging erasures` against a real database."""

import io
import subprocess
import sys

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.local.process import wait_until
from messaging.local.simulator import Simulator
from messaging.postgres import erasure
from messaging.runtime import Runtime
from tests.integration.command_line import CommandLine
from tests.integration.dumps import dump
from tests.integration.story import TO, insert, row, work

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


def waits(db: Database) -> bool:
    found = db.execute(
        "select pid from pg_stat_activity where wait_event_type = 'Lock' "
        "and query like '%erase_elsewhere%' and datname = current_database()"
    )
    return found.fetchone() is not None
