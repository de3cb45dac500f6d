"""`show`, `explain`, `cancel`, `reschedule`: one message looked at, stopped and moved."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging.runtime import Runtime
from messaging.twilio.codes import explain
from tests.integration.command_line import NOBODY, CommandLine
from tests.integration.story import insert, row, work

Database = Connection[TupleRow]
LATER = datetime(2050, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def journal(messaging: CommandLine, id: UUID) -> Sequence[str]:
    return [line["text"] for line in messaging("explain", id, "--json").json["journal"]]


@pytest.mark.parametrize("command", ["show", "explain", "cancel"])
def test_a_message_that_is_not_there_is_told_by_the_exit_code(
    messaging: CommandLine, command: str
) -> None:
    assert (3, f"There is no message {NOBODY}.") == messaging(command, NOBODY).error


def test_a_message_is_shown_without_its_text_and_its_whole_number(
    messaging: CommandLine, db: Database
) -> None:
    id = insert(db, message_content="Sesame", priority=9)
    shown = messaging("show", id, "--json").json
    assert ("+1555*****00", None, 6) == (shown["to"], shown["body"], shown["characters"])
    assert ("pending", "urgent", 9) == (shown["status"], shown["lane"], shown["priority"])
    for word in ("+15555550100", "Sesame"):
        assert word not in messaging("show", id).out
        assert word in messaging("show", id, "--full").out


def test_a_failure_is_explained_in_twilios_words(
    messaging: CommandLine, rt: Runtime, db: Database
) -> None:
    id = insert(db, recipient_phone="+15005550001")
    work(rt)
    told = messaging("explain", id).out
    assert "Attempt 1: Twilio refused it: 21211, The 'To' number +1500*****01 is not" in told
    assert "It failed and is not tried again: 21211" in told


@pytest.mark.parametrize("command", ["show", "explain"])
def test_numbers_in_reasons_are_masked(messaging: CommandLine, db: Database, command: str) -> None:
    quoting = "It quotes +14155552671."
    id = insert(db, status="failed", error_details=Jsonb({"message": quoting}))
    db.execute(
        "insert into messaging.message_events (job_id, kind, details) values (%s, 'refused', %s)",
        [id, Jsonb({"reason": quoting})],
    )
    for words in ((command, id), (command, id, "--json")):
        assert "It quotes +1415*****71." in messaging(*words).out
        assert "+14155552671" not in messaging(*words).out
    assert quoting in messaging(command, id, "--full").out


def test_control_characters_do_not_reach_the_terminal(messaging: CommandLine, db: Database) -> None:
    id = insert(db, message_content="a\x1b]0;title\x07\u202eb")
    shown = messaging("show", id, "--full").out
    assert r"a\x1b]0;title\x07\u202eb" in shown


def test_a_life_is_told_in_order_and_in_plain_words(
    messaging: CommandLine, rt: Runtime, db: Database
) -> None:
    id = insert(db)
    work(rt)
    sid = row(db, id).twilio_sid
    receipts = [("sent", None), ("undelivered", 30003)]
    for status, code in receipts:
        db.execute(
            "select messaging.record_receipts(jsonb_build_array(jsonb_build_object("
            "'job_id', %s::text, 'attempt', 1, 'sid', %s::text, 'status', %s::text, "
            "'error_code', %s::int)))",
            [id, sid, status, code],
        )
    expected = [
        "It was handed over, normal lane.",
        f"Attempt 1: Twilio took it ({sid}, accepted).",
        "The carrier took it.",
        f"The carrier could not deliver it: 30003, {explain(30003)}",
    ]
    told = list(journal(messaging, id))
    assert "Rules asked, with nothing against it: stop 1, cap 1, consent 1" in told.pop(1)
    assert expected == told
    standing = messaging("explain", id, "--json").json["standing"]
    assert "bad" == standing["tone"]
    assert standing["text"].startswith("Twilio could not deliver it: 30003, ")


def test_a_scheduled_message_can_be_moved_and_stopped(messaging: CommandLine, db: Database) -> None:
    id = insert(db, scheduled_for=LATER)
    moved = messaging("reschedule", id, "--at", "2050-02-01T00:00:00+02:00", "--json").json
    assert ("rescheduled", "2050-01-31T22:00:00Z") == (moved["result"], moved["scheduled_for"])
    stopped = messaging("cancel", id)
    assert (0, "✓ It is canceled, and is not sent.\n") == (stopped.code, stopped.err)
    assert "canceled" == row(db, id).status
    assert [
        "It was handed over, normal lane.",
        "It was moved to 2050-01-31T22:00:00.000Z.",
        "It was canceled.",
    ] == journal(messaging, id)
    again = messaging("cancel", id, "--json")
    assert (0, "canceled") == (again.code, again.json["result"])


def test_a_distance_counts_from_the_databases_time(messaging: CommandLine, db: Database) -> None:
    id = insert(db, scheduled_for=LATER)
    assert 0 == messaging("reschedule", id, "--at", "+2d").code
    (is_right,) = db.execute(
        "select scheduled_for - clock_timestamp() between '47:59:00' and '48:00:00' "
        "from message_jobs"
    ).fetchone() or (None,)
    assert is_right


@pytest.mark.parametrize("words", [["cancel"], ["reschedule", "--at", "+1h"]])
def test_what_has_gone_out_cannot_be_changed(
    messaging: CommandLine, rt: Runtime, db: Database, words: Sequence[str]
) -> None:
    id = insert(db)
    work(rt)
    command, *options = words
    ran = messaging(command, id, *options)
    assert (4, "") == (ran.code, ran.out)
    assert ran.err.startswith("✗ It is too late to change it. Twilio has it.")
    assert "too_late" == messaging(command, id, *options, "--json").json["result"]


def test_a_time_that_is_none_moves_nothing(messaging: CommandLine, db: Database) -> None:
    id = insert(db, scheduled_for=LATER)
    assert 2 == messaging("reschedule", id, "--at", "soon").code
    assert 3 == messaging("reschedule", NOBODY, "--at", "+1h").code
    assert ["It was handed over, normal lane, to be sent at 2050-01-02T03:04:05.000Z."] == (
        journal(messaging, id)
    )


def test_times_are_told_with_their_distance(messaging: CommandLine, db: Database) -> None:
    id = insert(db, scheduled_for=LATER)
    told = messaging("explain", id).out
    # For an hour of each day there are whole days left.
    assert re.search(r"It is sent at 02 Jan 2050 03:04:05 \(in \d+ d( \d+ h)?\)\.", told)


def test_a_text_that_takes_turns_with_other_campaigns_says_so(
    messaging: CommandLine, db: Database
) -> None:
    insert(db)
    id = insert(db, metadata=Jsonb({"campaign": "spring"}))
    standing = messaging("explain", id, "--json").json["standing"]
    assert (
        "It waits for its turn in the normal lane. 2 campaigns take turns there, a text each. "
        "Campaign spring is one of them, and has 1 waiting."
    ) == standing["text"]
