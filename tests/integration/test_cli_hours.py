"""The hour on the command line: `series`, `send --local`, files, and what `explain` says of it."""

import json
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging import recurring
from messaging.runtime import Runtime
from tests.integration.command_line import NOBODY, CommandLine
from tests.integration.story import take

Database = Connection[TupleRow]
TO = "+4915123456789"
ADD = ("series", "add", "--to", TO, "--body", "Pills", "--start", "2031-12-01T09:00", "--rule")
DAILY = "FREQ=DAILY;COUNT=3"


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def test_a_series_is_added_listed_shown_and_stopped(messaging: CommandLine) -> None:
    id = messaging(*ADD, DAILY, "--category", "marketing").out.strip()
    (listed,) = messaging("series", "list", "--json").json["series"]
    assert (id, "+4915*****89", "active") == (listed["id"], listed["to"], listed["status"])
    assert ("Europe/Berlin", "2031-12-01T09:00:00") == (listed["time_zone"], listed["next"])
    assert DAILY in messaging("series", "list").out
    shown = messaging("series", "show", id)
    assert "Next: 01 Dec 2031 09:00 in Europe/Berlin" in shown.out
    assert TO not in shown.out

    for command, status in [("pause", "paused"), ("resume", "active"), ("stop", "stopped")]:
        assert {"id": id, "result": status} == messaging("series", command, id, "--json").json
    assert 4 == messaging("series", "resume", id).code


def test_the_messages_of_a_series_are_shown_and_explained(
    messaging: CommandLine, rt: Runtime, db: Database
) -> None:
    messaging.set(MESSAGING_SERIES_AHEAD="999999999")
    id = messaging(*ADD, DAILY).out.strip()
    db.execute("update messaging.series set starts_at = date_trunc('day', now()) + interval '33 h'")
    assert 1 <= recurring.recur(rt)
    latest = messaging("series", "show", id, "--json").json["latest"]
    assert {"scheduled"} == {one["status"] for one in latest}
    told = messaging("explain", latest[0]["id"]).out
    assert f"It comes from the series {id}." in told
    assert ", which is 09:00 on" in told
    assert "in Europe/Berlin." in told


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((*ADD, "FREQ=DAILY"), "The rule has no end"),
        ((*ADD, DAILY, "--zone", "Mars"), "There is no time zone 'Mars'"),
        ((*ADD, DAILY, "--category", "advert"), "--category takes one of"),
        ((*ADD[:-2], "soon", "--rule", DAILY), "--start 'soon' is no time on a clock"),
        (("send", "--to", TO, "--body", "Hi", "--local", "2031-12-01T09:00Z"), "--local"),
        (
            ("send", "--to", "+18005552671", "--body", "Hi", "--local", "2031-12-01T09:00"),
            "give time_zone",
        ),
    ],
)
def test_what_is_wrong_is_refused(
    messaging: CommandLine, words: tuple[str, ...], reason: str
) -> None:
    code, sentence = messaging(*words).error
    assert 2 == code
    assert reason in sentence


@pytest.mark.parametrize("command", ["show", "pause", "resume", "stop"])
def test_a_series_that_is_not_there_is_told(messaging: CommandLine, command: str) -> None:
    assert (3, f"There is no series {NOBODY}.") == messaging("series", command, NOBODY).error


def test_a_refused_series_says_why(messaging: CommandLine, rt: Runtime, db: Database) -> None:
    id = messaging(*ADD, DAILY).out.strip()
    db.execute("update messaging.series set rule = 'FREQ=DAILY'")
    recurring.recur(rt)
    assert "The rule has no end" in messaging("series", "show", id).out
    assert 4 == messaging("series", "stop", id).code


def test_a_text_on_a_clock_is_explained_on_that_clock(messaging: CommandLine) -> None:
    id = messaging(
        "send", "--to", TO, "--body", "Hi", "--local", "2031-12-01T09:00", "--category", "marketing"
    ).out.strip()
    assert "which is 09:00 on 01 Dec 2031 in Europe/Berlin." in messaging("explain", id).out


def test_a_text_that_waits_for_the_morning_says_so(messaging: CommandLine) -> None:
    words = ("send", "--to", TO, "--body", "Sale", "--local", "2031-12-01T03:00")
    id = messaging(*words, "--category", "marketing").out.strip()
    told = messaging("explain", id, "--json").json
    waits = "It waits until 08:00 on 01 Dec 2031 in Europe/Berlin: quiet hours."
    assert waits == told["standing"]["text"]
    deferred, rule = told["journal"][-2:]
    assert waits == deferred["text"]
    assert rule["text"].startswith("The rule was quiet hours 1, laws as of ")


def test_files_have_clocks_and_categories(
    messaging: CommandLine, db: Database, tmp_path: Path
) -> None:
    table = tmp_path / "a.csv"
    table.write_text(
        "to,body,local_time,time_zone,category\n"
        f"{TO},One,2031-12-01T09:00,,marketing\n"
        f"{TO},Two,2031-12-01 09:00,Asia/Tokyo,\n"
        f"{TO},Bad,2031-12-01T09:00Z,,\n"
        f"{TO},Bad,,,advert\n"
    )
    ran = messaging("enqueue", table, "--json")
    assert 4 == ran.code
    assert (2, 2) == (ran.json["created"], ran.json["refused"])
    rows = db.execute(
        "select message_content, time_zone, category from message_jobs order by 1"
    ).fetchall()
    assert [("One", "Europe/Berlin", "marketing"), ("Two", "Asia/Tokyo", None)] == rows


def test_a_whole_message_in_a_queue_has_a_clock_and_a_category(rt: Runtime, db: Database) -> None:

    message = {"to": TO, "body": "Hi", "category": "marketing", "time_zone": "Asia/Tokyo"}
    db.execute("select pgmq.send('sms_queue', %s::jsonb)", [json.dumps(message)])
    take(rt)
    assert [("marketing", "Asia/Tokyo")] == db.execute(
        "select category, time_zone from message_jobs"
    ).fetchall()
