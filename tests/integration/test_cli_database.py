"""`migrate` and `template`: what is kept in the database beside messages."""

from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres.migrate import all_migrations
from tests.integration.command_line import CommandLine

ALL = [migration.version for migration in all_migrations()]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


@pytest.fixture
def empty(messaging: CommandLine, postgres: EmbeddedPostgres) -> CommandLine:
    """With a database that nothing was ever applied to."""
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute("drop database if exists never_migrated with (force)")
        conn.execute("create database never_migrated")
    url = f"{postgres.url.rpartition('/')[0]}/never_migrated"
    messaging.set(DATABASE_URL=url, DATABASE_DIRECT_URL=url)
    return messaging


def versions(shown: dict[str, list[dict[str, str]]]) -> list[str]:
    return [migration["version"] for migration in shown["migrations"]]


def test_migrations_are_listed_applied_and_then_not_applied_again(empty: CommandLine) -> None:
    assert ALL == versions(empty("migrate", "--dry-run", "--json").json)
    assert f"{len(ALL)} migrations to apply" in empty("migrate", "--dry-run").err
    assert ALL == versions(empty("migrate", "--json").json)
    assert [] == versions(empty("migrate", "--dry-run", "--json").json)
    assert [] == versions(empty("migrate", "--json").json)
    assert ALL == versions(empty("migrate", "--status", "--json").json)
    assert "✓ Up to date.\n" == empty("migrate").err


def test_a_file_that_has_changed_since_is_told(
    messaging: CommandLine, db: Connection[TupleRow]
) -> None:
    db.execute("update messaging.schema_migrations set checksum = 'x' where version = %s", ALL[:1])
    for words in (["--status"], ["--dry-run"], []):
        ran = messaging("migrate", *words)
        assert 1 == ran.code
        assert "A file has changed since" in ran.err or "with other content" in ran.err
    checked = messaging("check", "--json").json["findings"]
    assert ["trouble"] == [one["state"] for one in checked if one["name"] == "migrations"]


def test_a_table_that_stays_locked_ends_the_migration_in_a_sentence(
    messaging: CommandLine, database_url: str
) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("lock table messaging.schema_migrations")
        ran = messaging("migrate", "--lock-timeout", "10ms")
    assert 1 == ran.code
    assert "A table was locked for longer than the command may wait." in ran.err


@pytest.mark.parametrize("time", ["soon", "-1s", "1 fortnight", ""])
def test_a_lock_timeout_that_is_none_is_refused(messaging: CommandLine, time: str) -> None:
    assert 2 == messaging("migrate", "--lock-timeout", time).code


def test_a_database_that_is_not_migrated_is_told_so(empty: CommandLine) -> None:
    for words in (["stats"], ["template", "list"], ["send", "--to", "+14155552671", "--body", "x"]):
        code, sentence = empty(*words).error
        assert 1 == code
        assert "is not migrated: run `messaging migrate`." in sentence


def test_a_template_is_stored_replaced_and_listed(messaging: CommandLine) -> None:
    text = "Hello {{ name }}, {{ day }}"
    first = messaging("template", "put", "hi", "--text", text, "--var", "day=today", "--json")
    stored = {
        "name": "hi",
        "result": "created",
        "version": 1,
        "variables": ["day", "name"],
        "in_doubt_policy": None,
    }
    told = first.json
    (size,) = told.pop("sizes")
    assert (["day", "name"], []) == (size["unbounded"], told.pop("findings"))
    assert (0, stored) == (first.code, told)
    Path("text.txt").write_text("Bye\n{{ name }}\n", encoding="utf-8-sig")
    second = messaging("template", "put", "hi", "--file", "text.txt", "--json")
    assert "replaced" == second.json["result"]
    (listed,) = messaging("template", "list", "--json").json["templates"]
    assert ("Bye\n{{ name }}", {}) == (listed["text"], listed["defaults"])
    assert "hi" in messaging("template", "list").out


def test_a_template_may_carry_the_policy_for_texts_in_doubt(messaging: CommandLine) -> None:
    words = ("template", "put", "code", "--text", "{{ code }}")
    assert (
        "fail" == messaging(*words, "--in-doubt-policy", "fail", "--json").json["in_doubt_policy"]
    )
    (listed,) = messaging("template", "list", "--json").json["templates"]
    assert "fail" == listed["in_doubt_policy"]
    assert None is messaging(*words, "--json").json["in_doubt_policy"]


def test_no_template_is_told_with_how_to_make_one(messaging: CommandLine) -> None:
    assert "messaging template put NAME --text TEXT" in messaging("template", "list").out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["hi"], "Give the text with --text or with --file: one of them."),
        (["hi", "--text", "a", "--file", "b"], "Give the text with --text or with --file"),
        (["hi", "--text", " "], "The text of a template is empty: give one."),
        (["hi", "--text", "{% for a in b %}"], "The template is wrong in line 1"),
        (["hi", "--text", "a", "--var", "b=c"], "The text does not use b: leave --var out."),
        (["hi", "--file", "none.txt"], "none.txt cannot be read: No such file or directory."),
        (
            ["hi", "--text", "a", "--in-doubt-policy", "guess"],
            "--in-doubt-policy takes one of reconcile, hold, resend, fail.",
        ),
        ([" hi", "--text", "a"], "A template's name has 1 to 100 characters"),
        (["", "--text", "a"], "A template's name has 1 to 100 characters"),
        (["h" * 101, "--text", "a"], "A template's name has 1 to 100 characters"),
    ],
)
def test_a_template_that_is_wrong_is_refused(
    messaging: CommandLine, words: list[str], expected: str
) -> None:
    code, sentence = messaging("template", "put", *words).error
    assert 2 == code
    assert expected in sentence
