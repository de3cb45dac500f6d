"""`messaging dead`: what failed, is held or could not be read, and what a person does about it."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.local import clock
from messaging.local.simulator import Simulator
from messaging.runtime import Runtime
from tests.integration.command_line import NOBODY, CommandLine
from tests.integration.databases import force, one
from tests.integration.story import TO, entries, insert, row, take, work

Database = Connection[TupleRow]
BODY = "Nobody else must read this"
REJECTED = "+15005550001"
"""Twilio's magic number of a recipient that is none."""


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


@pytest.fixture
def dead(rt: Runtime, db: Database, twilio: Simulator) -> Mapping[str, UUID | int]:
    """One of each kind: Twilio refused it, a person must decide, nobody could store it."""
    refused = insert(db, recipient_phone=REJECTED, message_content=BODY, user_id=UUID(int=1))
    work(rt)
    held = force(db, "held", priority=9, error_details={"message": f"Look at {TO}"})
    db.execute(
        "select pgmq.send('sms_queue', jsonb_build_object('recipient_phone', %s::text, "
        "'message_content', %s::text, 'priority', 'high'))",
        [TO, BODY],
    )
    take(rt)
    entry = one(db, "select msg_id from pgmq.q_sms_dlq")
    assert isinstance(entry, int)
    return {"failed": refused, "held": held, "unreadable": entry}


def listed(messaging: CommandLine, *words: object) -> list[str]:
    letters = messaging("dead", "list", *words, "--json").json["letters"]
    return [letter["kind"] for letter in letters]


def test_nothing_dead_is_said(messaging: CommandLine) -> None:
    assert (0, "There is no dead letter of that kind.\n") == (
        (ran := messaging("dead", "list")).code,
        ran.out,
    )
    assert "replay" in messaging("dead").out


def test_each_is_listed_with_its_reason_and_without_numbers_or_texts(
    messaging: CommandLine, dead: Mapping[str, object]
) -> None:
    told = messaging("dead", "list", "--json")
    failed, held, unreadable = sorted(told.json["letters"], key=lambda each: each["kind"])
    assert (str(dead["failed"]), str(dead["held"]), dead["unreadable"]) == (
        failed["id"],
        held["id"],
        unreadable["entry"],
    )
    assert (21211, "+1500*****01") == (failed["error_code"], failed["to"])
    assert "Look at +1555*****00." == held["reason"]
    assert unreadable["reason"].startswith('invalid input syntax for type integer: "…"')
    assert ("normal", "+1555*****00") == (unreadable["lane"], unreadable["to"])
    shown = messaging("dead", "list").out + messaging("dead", "show", dead["unreadable"]).out
    for secret in (TO, REJECTED, BODY):
        assert secret not in shown + told.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--status", "held"], ["held"]),
        (["--code", 21211], ["failed"]),
        (["--code", 30003], []),
        (["--user", UUID(int=1)], ["failed"]),
        (["--lane", "urgent"], ["held"]),
        (["--lane", "normal", "--status", "unreadable"], ["unreadable"]),
        (["--until", "-1h"], []),
        (["--since", "-1h", "--limit", 1], ["failed"]),
    ],
)
def test_a_filter_finds_those_that_are_meant(
    messaging: CommandLine,
    db: Database,
    dead: Mapping[str, object],
    words: list[object],
    expected: list[str],
) -> None:
    db.execute(
        "update message_jobs set updated_at = %s where id = %s",
        [clock.now() - timedelta(minutes=1), dead["failed"]],
    )
    assert expected == listed(messaging, *words)


def test_one_is_shown_with_what_can_be_done(
    messaging: CommandLine, dead: Mapping[str, object]
) -> None:
    words = {kind: messaging("dead", "show", id, "--json").json for kind, id in dead.items()}
    assert {"failed": "replayable", "held": "held", "unreadable": "replayable"} == {
        kind: told["replay"] for kind, told in words.items()
    }
    assert f"decide with `messaging resolve {dead['held']}`" in words["held"]["next"]
    assert "a text of 26 characters" == words["unreadable"]["fields"]["message_content"]
    assert "+1500*****01" in messaging("dead", "show", dead["failed"]).out


def test_one_that_is_not_dead_is_said(messaging: CommandLine, db: Database) -> None:
    id = insert(db)
    assert "no dead letter" in messaging("dead", "show", id).error[1]
    assert (3, f"There is no message {NOBODY}.") == messaging("dead", "show", NOBODY).error
    assert (3, "There is no entry 7 in sms_dlq.") == messaging("dead", "show", "7").error
    assert 2 == messaging("dead", "show", "soon").code


def test_what_was_mended_is_sent_again(
    messaging: CommandLine, rt: Runtime, db: Database, dead: Mapping[str, UUID]
) -> None:
    trial = messaging("dead", "replay", "--status", "failed", "--dry-run", "--json").json
    assert (True, 1, 0, "replayable") == (
        trial["dry_run"],
        trial["done"],
        trial["left"],
        trial["letters"][0]["result"],
    )
    ran = messaging("dead", "replay", "--status", "failed", "--by", "Ann", "--json")
    (letter,) = ran.json["letters"]
    new = UUID(letter["new_id"])
    assert (0, "replayed", "pending") == (ran.code, letter["result"], row(db, new).status)
    assert ["held", "unreadable"] == sorted(listed(messaging))
    old = [line["text"] for line in messaging("explain", dead["failed"], "--json").json["journal"]]
    young = [line["text"] for line in messaging("explain", new, "--json").json["journal"]]
    assert f"Ann had it sent again, as {new}." == old[-1]
    assert f"Ann had {dead['failed']} sent again: this is it." == young[-1]
    work(rt)
    assert "failed" == row(db, new).status
    assert 0 == messaging("dead", "replay", new).code


def test_what_cannot_be_done_is_said_and_nothing_else_is_held_up(
    messaging: CommandLine, dead: Mapping[str, object], db: Database
) -> None:
    ran = messaging("dead", "replay", *dead.values())
    assert 4 == ran.code
    assert f"It is held: decide with `messaging resolve {dead['held']}`." in ran.out
    assert "2 dead letters dealt with, 1 left as they are." in ran.err
    assert 2 == len(entries(db))
    again = messaging("dead", "replay", dead["failed"], dead["unreadable"], "--json").json
    assert ["replay_may_be_out", "not_found"] == [each["result"] for each in again["letters"]]


def test_an_entry_that_was_put_back_is_read_again(
    messaging: CommandLine, rt: Runtime, db: Database, dead: Mapping[str, object]
) -> None:
    assert 0 == messaging("dead", "replay", dead["unreadable"]).code
    take(rt)
    (entry,) = db.execute("select msg_id from pgmq.q_sms_dlq").fetchall()
    assert entry[0] != dead["unreadable"]


def test_what_was_seen_leaves_the_list(messaging: CommandLine, dead: Mapping[str, object]) -> None:
    trial = messaging("dead", "discard", *dead.values(), "--dry-run", "--json").json
    assert (2, 1) == (trial["done"], trial["left"])
    ran = messaging("dead", "discard", *dead.values(), "--by", "Ann")
    assert 4 == ran.code
    assert ["held"] == listed(messaging)
    told = messaging("explain", dead["failed"], "--json").json["journal"]
    assert "Ann has seen it, and leaves it at that." == told[-1]["text"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Say which: give ids, or a filter"),
        (["1", "--status", "held"], "Give ids or a filter, not both."),
        (["--status", "lost"], "--status takes one of failed, held, unreadable."),
        (["--lane", "slow"], "--lane takes one of urgent, normal."),
        (["--user", "Ann"], "--user takes the user's id, a UUID."),
        (["--since", "soon"], "is no time"),
        (["x"], "is neither a message's id nor the number of an entry"),
    ],
)
@pytest.mark.parametrize("command", ["replay", "discard"])
def test_what_was_typed_wrongly_is_refused(
    messaging: CommandLine, command: str, words: list[str], said: str
) -> None:
    code, sentence = messaging("dead", command, *words).error
    assert 2 == code
    assert said in sentence
