"""`messaging enqueue`: files of messages, good rows, bad rows, files that are none."""

import csv
import json
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.integration.command_line import CommandLine

Database = Connection[TupleRow]
TO = "+14155552671"


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(environment, monkeypatch, capsys)


def file(name: str, content: str | bytes) -> Path:
    path = Path(name)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def bodies(db: Database) -> list[str]:
    found = db.execute("select message_content from message_jobs order by created_at, id")
    return sorted(body for (body,) in found)


@pytest.mark.parametrize(
    "content",
    [
        f"to,body\n{TO},Grüße\n",
        f"\ufeffphone,message\r\n{TO},Grüße\r\n",
        f"recipient_phone;message_content\n{TO};Grüße\n",
        f"To\tBody\n{TO}\tGrüße\n",
        f"body|to\nGrüße|{TO}",
        f'\n\n"to","body"\n\n"{TO}","Grüße"\n\n,\n',
        f"to,body,\n{TO},Grüße,\n",
    ],
)
def test_csv_files_of_many_dialects_are_read(
    messaging: CommandLine, db: Database, content: str
) -> None:
    ran = messaging("enqueue", file("texts.csv", content), "--json")
    assert (0, "") == (ran.code, ran.err)
    assert ["Grüße"] == bodies(db)


def test_every_column_reaches_the_row(messaging: CommandLine, db: Database) -> None:
    user = "5b0e1a4a-28a6-4a5c-9d4e-000000000001"
    content = (
        "to,body,at,priority,user_id,idempotency_key,max_retries,media_urls,metadata.task,"
        "in_doubt_policy\n"
        f'{TO},"two\nlines, ""quoted""",2030-01-01T00:00:00Z,7,{user},k1,0,'
        "https://example.com/a.png https://example.com/b.png,T-1,hold\n"
    )
    assert 0 == messaging("enqueue", file("texts.csv", content)).code
    found = db.execute(
        "select message_content, status, scheduled_for::date::text, priority, user_id, "
        "idempotency_key, max_retries, cardinality(media_urls), metadata, in_doubt_policy "
        "from message_jobs"
    ).fetchall()
    text = 'two\nlines, "quoted"'
    expected = (
        *(text, "scheduled", "2030-01-01", 7, UUID(user)),
        *("k1", 0, 2, {"task": "T-1"}, "hold"),
    )
    assert [expected] == found


def test_unknown_columns_are_variables_of_the_template(
    messaging: CommandLine, db: Database
) -> None:
    messaging("template", "put", "hi", "--text", "Hello {{ First }} {{ last|default('there') }}")
    messaging("template", "put", "bye", "--text", "Bye {{ First }}")
    content = f"to,template,First,last\n{TO},,Ada,\n{TO},bye,Bob,\n{TO},,,Cy\n"
    ran = messaging("enqueue", file("texts.csv", content), "--template", "hi", "--json")
    assert 4 == ran.code
    assert ["Bye Bob", "Hello Ada there"] == bodies(db)
    assert [3] == [refusal["row"] for refusal in ran.json["refusals"]]
    assert "needs the variable 'First'" in ran.json["refusals"][0]["reason"]


def test_json_lines_are_read_as_what_they_are(messaging: CommandLine, db: Database) -> None:
    messaging("template", "put", "sum", "--text", "{{ n }} {% if urgent %}now{% endif %}")
    rows = [
        {"to": TO, "body": "Hello", "metadata": {"a": [1, None]}, "priority": 9},
        {"to": TO, "template": "sum", "n": 3, "variables": {"urgent": True}},
        {"to": TO, "media_urls": ["https://example.com/a.png"]},
    ]
    content = "\n\n".join(json.dumps(row) for row in rows)
    assert 0 == messaging("enqueue", file("texts.jsonl", content)).code
    assert ["", "3 now", "Hello"] == bodies(db)


BAD_CSV_ROWS = {
    "12,Hello,,": "does not begin with + and a country code",
    f"{TO},,,": "The text is empty",
    f"{TO},Hello,soon,": "scheduled_for 'soon' is no time",
    f"{TO},Hello,2026-11-25T09:00,": "has no time zone",
    f"{TO},Hello,,high": "priority 'high' is no whole number.",
    f"{TO},Hello,,7.5": "priority '7.5' is no whole number.",
    f"{TO},Hello,,101": "priority must be a whole number from -100 to 100.",
    f"{TO},Hello,": "The row has 3 values, but 4 columns are named.",
    f"{TO},Hello,,,": "The row has 5 values, but 4 columns are named.",
    f"{TO},{'x' * 1601},,": "The body has 1,601 characters",
}
BAD_JSON_LINES = {
    "{": "The line is no JSON",
    "[" * 100_000: "The line is no JSON: it cannot be read.",
    '{"to": ' + "9" * 5000 + "}": "The line is no JSON: it cannot be read.",
    "[1, 2]": "The line is no JSON object",
    '"to"': "The line is no JSON object",
    '{"to": 14155552671, "body": "x"}': "to is a number: give a text, in quotes.",
    '{"body": "x"}': "The phone number is empty",
    f'{{"to": "{TO}", "body": ["x"]}}': "body is a list: give a text, in quotes.",
    f'{{"to": "{TO}", "body": "x", "priority": true}}': "priority 'True' is no whole number.",
    f'{{"to": "{TO}", "body": "x", "user_id": "me"}}': "user_id 'me' is no UUID.",
    f'{{"to": "{TO}", "body": "x", "metadata": "a"}}': "metadata is no JSON object",
    f'{{"to": "{TO}", "body": "x", "metadata": {{"a": NaN}}}}': "cannot be written as JSON",
    f'{{"to": "{TO}", "body": "x", "media_urls": [1]}}': "media_urls has something that is no",
    f'{{"to": "{TO}", "body": "x", "in_doubt_policy": "x"}}': "in_doubt_policy must be one of",
    f'{{"to": "{TO}", "body": "x", "nmae": "y"}}': "nmae means nothing without a template",
    f'{{"to": "{TO}", "body": "\\u0000"}}': "body has a NUL character",
}


def test_a_bad_row_is_refused_with_its_line_and_does_not_sink_the_rest(
    messaging: CommandLine, db: Database
) -> None:
    content = "\n".join(["to,body,at,priority", *BAD_CSV_ROWS, f"{TO},Good,,"])
    ran = messaging("enqueue", file("texts.csv", content), "--json")
    assert (4, 1) == (ran.code, ran.json["created"])
    assert ["Good"] == bodies(db)
    refusals = ran.json["refusals"]
    numbers = range(1, len(BAD_CSV_ROWS) + 1)
    assert [(n, n + 1) for n in numbers] == [(found["row"], found["line"]) for found in refusals]
    for expected, found in zip(BAD_CSV_ROWS.values(), refusals, strict=True):
        assert expected in found["reason"]


def test_a_bad_line_of_json_is_refused_with_its_number(
    messaging: CommandLine, db: Database
) -> None:
    content = "\n".join([*BAD_JSON_LINES, json.dumps({"to": TO, "body": "Good"})])
    ran = messaging("enqueue", file("texts.ndjson", content), "--json")
    assert (4, 1) == (ran.code, ran.json["created"])
    assert ["Good"] == bodies(db)
    for expected, found in zip(BAD_JSON_LINES.values(), ran.json["refusals"], strict=True):
        assert expected in found["reason"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "", "a.csv is empty: its first line has to name the columns."),
        ("a.csv", " \n\n", "a.csv is empty"),
        ("a.csv", f"{TO},Hello\n", "a.csv begins with a row: its first line has to name"),
        ("a.csv", "name,body\nx,y\n", "a.csv has no column for the number: name one to, phone"),
        ("a.csv", "to,phone,body\nx,y,z\n", "a.csv has 2 columns for to: keep one."),
        ("a.csv", "to,body,x,x\n", "a.csv has 2 columns for x: keep one."),
        ("a.csv", "to,priority\nx,1\n", "a.csv has no column that says what to send"),
        ("a.csv", "to,body,a,nmae\n", "a, nmae mean nothing without a template: give one"),
        ("a.csv", f'to,body\n{TO},x\n{TO},"y\n{TO},z\n', "in line 3 of a.csv, read up to line 4,"),
        ("a.csv", f'to,body\n{TO},"y"z\n', "line 2 of a.csv has a quote inside a quoted value"),
        ("a.csv", f"to,body\r{TO},x\r", "has line ends of old Macs"),
        ("a.csv", f"to,body\n{TO},x\n{TO},Grüße\n".encode("latin-1"), "Line 3 of a.csv is not"),
        ("a.csv", f"to,body\n{TO},x\n".encode("utf-16"), "a.csv is UTF-16: save it as UTF-8"),
        ("a.csv", "to,body\n" + "x" * 1_000_001, "Line 2 of a.csv has more than 1,000,000 bytes"),
        ("a.jsonl", b'{"to": "\xff"}\n', "Line 1 of a.jsonl is not UTF-8: byte 0xFF at position 9"),
        ("a.xlsx", "to,body\n", "a.xlsx must end in one of .csv, .tsv, .txt, .jsonl, .ndjson"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused_before_anything_is_handed_over(
    messaging: CommandLine, db: Database, name: str, content: str | bytes, expected: str
) -> None:
    ran = messaging("enqueue", file(name, content))
    assert (2, "") == (ran.code, ran.out)
    assert expected in ran.err
    assert [] == bodies(db)


def test_a_file_that_cannot_be_read_is_told_in_a_sentence(messaging: CommandLine) -> None:
    missing = (2, "none.csv cannot be read: No such file or directory.")
    assert missing == messaging("enqueue", "none.csv").error
    Path("folder.csv").mkdir()
    no_file = (2, "folder.csv is no file: give one that can be read twice.")
    assert no_file == messaging("enqueue", "folder.csv").error


def test_a_file_may_be_handed_over_twice_with_a_key_prefix(
    messaging: CommandLine, db: Database
) -> None:
    content = f"to,body,idempotency_key\n{TO},one,\n{TO},two,mine\n"
    words = ("enqueue", file("texts.csv", content), "--key-prefix", "may", "--json")
    first, second = messaging(*words), messaging(*words)
    assert (2, 0) == (first.json["created"], first.json["duplicate"])
    assert (0, 2, 0) == (second.json["created"], second.json["duplicate"], second.code)
    keys = db.execute("select idempotency_key from message_jobs order by 1").fetchall()
    assert [("may:1",), ("mine",)] == keys


def test_the_report_has_every_row(messaging: CommandLine, db: Database) -> None:
    content = f"to,body,idempotency_key\n{TO},one,k\n\n{TO},one,k\n{TO},other,k\n12,x,\n"
    ran = messaging("enqueue", file("texts.csv", content), "--report", "report.csv")
    assert 4 == ran.code
    with Path("report.csv").open(newline="") as report:
        rows = list(csv.DictReader(report))
    expected = [
        ("1", "2", "created"), ("2", "4", "duplicate"), ("3", "5", "refused"), ("4", "6", "refused")
    ]  # fmt: skip
    assert expected == [(row["row"], row["line"], row["result"]) for row in rows]
    (id,) = db.execute("select id::text from message_jobs").fetchone() or ("none",)
    assert [id, id] == [row["id"] for row in rows[:2]]
    assert "already belongs to message" in rows[2]["reason"]


def test_a_report_that_cannot_be_written_stops_everything_before_it_begins(
    messaging: CommandLine, db: Database
) -> None:
    path = file("texts.csv", f"to,body\n{TO},x\n")
    itself = (2, "The report texts.csv is the file itself: name another.")
    assert itself == messaging("enqueue", path, "--report", path).error
    nowhere = (2, "The report no/where.csv cannot be written: No such file or directory.")
    assert nowhere == messaging("enqueue", path, "--report", "no/where.csv").error
    assert [] == bodies(db)


def test_a_trial_checks_everything_and_hands_nothing_over(
    messaging: CommandLine, db: Database
) -> None:
    messaging("template", "put", "hi", "--text", "Hello {{ name }}")
    content = f"to,name\n{TO},Ada\n{TO},\n"
    ran = messaging("enqueue", file("a.csv", content), "--template", "hi", "--dry-run", "--json")
    assert 4 == ran.code
    assert (1, 0, 1) == tuple(ran.json[name] for name in ("valid", "created", "refused"))
    assert [] == bodies(db)


def test_thousands_of_rows_are_handed_over_in_order_of_their_numbers(
    messaging: CommandLine, db: Database
) -> None:
    rows = (f"{TO if n % 500 else '12'},Number {n}" for n in range(1, 2501))
    path = file("texts.csv", "\n".join(["to,body", *rows]))
    ran = messaging("enqueue", path, "--key-prefix", "k", "--report", "report.csv", "--json")
    assert (2495, 5) == (ran.json["created"], ran.json["refused"])
    found = db.execute("select idempotency_key, message_content from message_jobs")
    assert all(key.removeprefix("k:") == text.removeprefix("Number ") for key, text in found)
    with Path("report.csv").open(newline="") as report:
        refused = [int(row["row"]) for row in csv.DictReader(report) if row["result"] == "refused"]
    assert [500, 1000, 1500, 2000, 2500] == refused


def test_the_summary_shows_ten_refusals_and_counts_the_rest(messaging: CommandLine) -> None:
    content = "to,body\n" + "12,x\n" * 13 + f"{TO},x\n"
    ran = messaging("enqueue", file("texts.csv", content))
    words = Counter(ran.out.split())
    assert 10 == words["country"]
    assert "and 3 more rows: --report FILE lists them all" in ran.out


def test_a_database_that_goes_away_in_the_middle_is_told_with_how_far_it_got(
    messaging: CommandLine, db: Database
) -> None:
    db.execute(
        "create function go_away() returns trigger language plpgsql as $$ begin "
        "perform pg_terminate_backend(pg_backend_pid()); return null; end $$"
    )
    db.execute(
        "create trigger go_away after insert on message_jobs for each row "
        "when (new.message_content = 'Number 1500') execute function go_away()"
    )
    rows = (f"{TO},Number {n}" for n in range(1, 2501))
    path = file("texts.csv", "\n".join(["to,body", *rows]))
    ran = messaging("enqueue", path, "--key-prefix", "k")
    assert 1 == ran.code
    assert "1,000 of 2,500 rows are dealt with, and perhaps the 1,000 after them." in ran.err
    assert "Run it again: what was handed over is not handed over twice." in ran.err
    assert 1000 == len(bodies(db))


def test_a_dry_run_asks_where_texts_may_go(messaging: CommandLine) -> None:
    messaging.set(MESSAGING_COUNTRIES="DE")
    ran = messaging("enqueue", file("texts.csv", f"to,body\n{TO},Hello\n"), "--dry-run", "--json")
    assert (4, 1) == (ran.code, ran.json["refused"])
    assert "where no texts may go" in ran.json["refusals"][0]["reason"]
