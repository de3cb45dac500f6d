"""`messaging consent` and `messaging inbound` against a real database."""

import json
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.job import Phone
from messaging.postgres import consent
from tests.integration.command_line import CommandLine
from tests.integration.story import TO, insert, row

Database = Connection[TupleRow]


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def states(db: Database, phone: str = TO) -> list[tuple[str | None, str | None]]:
    return [(one.state, one.source) for one in consent.story(db, Phone(phone))]


def test_an_opt_out_withdraws_what_waits(messaging: CommandLine, db: Database) -> None:
    id = insert(db)
    said = messaging("consent", "opt-out", TO, "--evidence", "called", "--by", "ann", "--json")
    assert {
        "phone": "+1555*****00",
        "state": "opted_out",
        "category": "all",
        "ended": 1,
    } == said.json
    assert ("suppressed", [("opted_out", "operator")]) == (row(db, id).status, states(db))


def test_the_story_has_every_word_with_its_proof(messaging: CommandLine, db: Database) -> None:
    messaging("consent", "opt-in", TO, "--evidence", "web form", "--category", "marketing")
    messaging("consent", "opt-out", TO, "--evidence", "ticket 4711", "--by", "ann")
    story = messaging("consent", "show", TO, "--json").json
    assert {"all": "opted_out", "transactional": "opted_out", "marketing": "opted_out"} == story[
        "standing"
    ]
    assert ["opted_in", "opted_out"] == [one["what"] for one in story["chapters"]]
    assert ("marketing", {"note": "ticket 4711"}, "ann") == (
        story["chapters"][0]["category"],
        story["chapters"][1]["evidence"],
        story["chapters"][1]["by"],
    )
    shown = messaging("consent", "show", TO).out
    assert (True, True, False) == ("ticket 4711" in shown, "opted out" in shown, TO in shown)
    assert TO in messaging("consent", "show", TO, "--full").out


def test_numbers_in_the_evidence_are_whole_only_if_that_is_wanted(
    messaging: CommandLine, db: Database
) -> None:
    messaging("consent", "opt-out", TO, "--evidence", f"called from {TO}")
    for more, expected in (((), False), (("--full",), True)):
        ran = messaging("consent", "show", TO, "--json", *more)
        assert expected == (TO in ran.out), more


@pytest.mark.parametrize(
    "words",
    [
        ("opt-out", "nonsense", "--evidence", "x"),
        ("opt-out", TO, "--evidence", " "),
        ("opt-in", TO, "--evidence", "x", "--category", "spam"),
        ("show", "12"),
    ],
)
def test_what_cannot_be_is_refused(messaging: CommandLine, db: Database, words: list[str]) -> None:
    assert 2 == messaging("consent", *words).error[0]
    assert [] == states(db)


def test_a_file_is_recorded_row_by_row(
    messaging: CommandLine, db: Database, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        "Phone,State,Evidence,Category\n"
        f"{TO},opted_out,old system,\n"
        "+15555550101,opted-in,form 3,marketing\n"
    )
    assert {"recorded": 2} == messaging("consent", "import", str(path), "--json").json
    assert [("opted_out", "import")] == states(db)
    (chapter,) = consent.story(db, Phone("+15555550101"))
    assert {"note": "form 3", "file": "list.csv"} == json.loads(chapter.evidence)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (f"phone,state,evidence\n{TO},opted_out,x\n12,opted_out,x\n", "Line 3"),
        (f"phone,state,evidence\n{TO},maybe,x\n", "Line 2"),
        (f"phone,state,evidence\n{TO},opted_out,\n", "Line 2"),
        (f"phone,state,evidence,category\n{TO},opted_out,x,spam\n", "Line 2"),
        (f"phone,state\n{TO},opted_out\n", "lacks the columns evidence"),
        ("", "lacks the columns"),
        ("\udcff", "UTF-8"),
    ],
)
def test_a_file_with_a_mistake_changes_nothing(
    messaging: CommandLine, db: Database, tmp_path: Path, content: str, wrong: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    code, said = messaging("consent", "import", str(path)).error
    assert (2, True) == (code, wrong in said), said
    assert [] == states(db)


def test_a_text_that_sounds_like_a_refusal_is_listed_until_it_is_seen(
    messaging: CommandLine, db: Database
) -> None:
    sid = "SM" + "1" * 32
    db.execute(
        "insert into messaging.inbound_messages (sid, sender, recipient, body, sounds_like_refusal)"
        " values (%s, %s, '+15005550006', 'leave me alone', true)",
        [sid, TO],
    )
    assert ("leave me alone", 1) == (
        (listed := messaging("inbound", "list", "--json").json)["texts"][0]["body"],
        listed["total"],
    )
    assert {"sid": sid} == messaging("inbound", "seen", sid, "--json").json
    assert 0 == messaging("inbound", "list", "--json").json["total"]
    assert 3 == messaging("inbound", "seen", sid).error[0]
