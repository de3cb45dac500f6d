"""The program as a whole: help, version, exit codes, errors, JSON, and how quick it is."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from messaging.cli import app
from messaging.commands.files.fields import NAMES
from messaging.local.ports import any_free
from tests.integration.command_line import NOBODY, CommandLine

SLOW = {"celery", "fastapi", "kombu", "phonenumbers", "psycopg", "pydantic", "redis", "twilio"}
REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "command-line.md"
COMMANDS = {
    "up", "simulator", "migrate", "check", "send", "enqueue", "show", "explain", "cancel",
    "reschedule", "template", "queues", "stats", "held", "resolve", "reconcile",
}  # fmt: skip


@pytest.fixture
def messaging(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Without a database: for what is said before one is asked."""
    nowhere = f"postgresql://someone:s3cret@127.0.0.1:{any_free()}/texts"
    return CommandLine({"DATABASE_URL": nowhere}, monkeypatch, capsys)


def test_help_names_every_command_and_imports_nothing_slow() -> None:
    code = (
        "import sys; from messaging.cli import main; code = main(['--help']); "
        "print(sorted(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set() == COMMANDS - set(run.stdout.split())
    assert set() == SLOW & set(run.stderr.replace("'", "").strip("[]\n").split(", "))


def test_the_reference_has_every_command_option_and_name() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    program: Any = get_command(app)
    assert [] == [name for name in program.commands if f"\n## {name}\n" not in page]
    sections = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    assert [] == [
        (name, option)
        for name, command in program.commands.items()
        for one in (command, *getattr(command, "commands", {}).values())
        for parameter in one.params
        for option in parameter.opts
        if option.startswith("--") and f"{option}" not in sections[name]
    ]
    assert [] == [name for names in NAMES.values() for name in names if f"`{name}`" not in page]


@pytest.mark.parametrize("words", [["-m", "messaging"], ["-m", "messaging.cli"]])
def test_it_runs_as_a_module(words: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, *words, "--version"], capture_output=True, text=True, check=True
    )
    assert f"messaging {version('messaging')}\n" == run.stdout


def test_a_reader_who_goes_away_is_no_error_of_ours() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "messaging", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout
    assert program.stderr
    program.stdout.close()
    with program.stderr as stderr:
        assert "" == stderr.read()
    program.wait()


def test_without_a_command_it_shows_its_help(messaging: CommandLine) -> None:
    assert messaging("--help").out == messaging().out


@pytest.mark.parametrize("command", sorted(COMMANDS - {"up", "simulator", "template"}))
def test_every_command_speaks_json(messaging: CommandLine, command: str) -> None:
    assert "--json" in messaging(command, "--help").out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["snd"],
            "No such command 'snd'. Did you mean 'send'? `messaging --help` shows how.",
        ),
        (["send"], "Missing option '--to'. `messaging send --help` shows how."),
        (["show"], "Missing argument 'ID'. `messaging show --help` shows how."),
        (
            ["show", "x"],
            "Invalid value for 'ID': 'x' is no id of a message. `messaging show --help` shows how.",
        ),
        (
            ["bench", "--processes", "0"],
            "Invalid value for '--processes': Input should be greater than or equal to 1. "
            "`messaging bench --help` shows how.",
        ),
        (["stats", "--all"], "No such option: --all. `messaging stats --help` shows how."),
    ],
)
def test_wrong_words_are_refused_in_a_sentence(
    messaging: CommandLine, words: list[str], expected: str
) -> None:
    assert (2, expected) == messaging(*words).error


@pytest.mark.parametrize(
    "words",
    [
        ["stats"],
        ["queues"],
        ["show", NOBODY],
        ["explain", NOBODY],
        ["cancel", NOBODY],
        ["reschedule", NOBODY, "--at", "+1h"],
        ["template", "list"],
        ["held"],
        ["resolve", NOBODY, "--resend"],
        ["reconcile", "--since", "-1h"],
        ["migrate"],
        ["migrate", "--status"],
        ["send", "--to", "+14155552671", "--body", "Hello"],
    ],
)
def test_a_database_that_is_away_is_told_in_a_sentence(
    messaging: CommandLine, words: list[str]
) -> None:
    ran = messaging(*words)
    assert (1, "") == (ran.code, ran.out)
    assert ran.err.startswith("✗ Postgres at 127.0.0.1:")
    assert ran.err.endswith(
        "/texts does not answer: Connection refused. Check that it runs, and DATABASE_URL.\n"
    )


def test_errors_are_json_where_asked_for(messaging: CommandLine) -> None:
    ran = messaging("stats", "--json")
    said = json.loads(ran.err)
    assert (1, 1, "") == (ran.code, said["exit_code"], ran.out)
    assert "does not answer" in said["error"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:s3@cret@127.0.0.1:5432/texts",
        "postgresql://someone:s3cret@127.0.0.1:port/texts",
        "postgresql://someone:s3cret@127.0.0.1:1/texts?nonsense=1",
        "postgresql://someone:s3cret@nowhere.invalid/texts",
    ],
)
def test_no_error_shows_a_password(messaging: CommandLine, url: str) -> None:
    messaging.set(DATABASE_URL=url)
    ran = messaging("stats")
    assert 1 == ran.code
    assert "cret" not in ran.err
    assert "Traceback" not in ran.err


def test_all_wrong_settings_are_told_at_once(messaging: CommandLine) -> None:
    messaging.set(DATABASE_URL="mysql://x", MESSAGING_MAX_RETRIES="many")
    ran = messaging("stats")
    assert 1 == ran.code
    assert 2 == len(ran.err.splitlines())
