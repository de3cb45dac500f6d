"""What `messaging up` runs, and what it tells its processes."""

import sys
from pathlib import Path

import pytest

from messaging.local import processes
from messaging.local.environment import Environment

PROCFILE = Path(__file__).parents[2] / "Procfile"
EMBEDDED = {"DATABASE_URL": "postgresql://m:p@127.0.0.1/m", "REDIS_URL": "redis://127.0.0.1/0"}
SIMULATOR, WEB = "http://127.0.0.1:8010", "http://127.0.0.1:8000"


def test_the_commands_are_those_of_the_procfile() -> None:
    lines = [line for line in PROCFILE.read_text().splitlines() if line and line[0] != "#"]
    assert lines == [f"{command.name}: {command.line}" for command in processes.ALL]


@pytest.mark.parametrize(
    ("command", "variables", "end"),
    [
        (processes.WEB, {}, ["-m", "messaging.web"]),
        (processes.FLOWER, {"FLOWER_PORT": "5556"}, ["--address=127.0.0.1", "--port=5556"]),
    ],
)
def test_a_line_is_run_by_this_interpreter(
    command: processes.Command, variables: dict[str, str], end: list[str]
) -> None:
    argv = command.argv(variables)
    assert (sys.executable, end) == (argv[0], list(argv[-len(end) :]))


def test_several_workers_have_names_of_their_own() -> None:
    hosts = [processes.WORKER.argv({}, number)[-3] for number in (1, 2)]
    assert hosts == ["worker-1@%h", "worker-2@%h"]


def test_the_login_of_flower_is_not_in_its_arguments() -> None:
    argv = processes.FLOWER.argv({"FLOWER_BASIC_AUTH": "me:secret"})
    assert not [word for word in argv if "secret" in word]


@pytest.mark.parametrize(
    "given",
    [
        {"TWILIO_AUTH_TOKEN": "a real one"},
        {"TWILIO_AUTH_TOKEN_FILE": "/run/secrets/token"},
        {"PRIVATE_TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "real"},
        {"TWILIO_FROM": "+14155552671"},
        {"PUBLIC_BASE_URL": "https://texts.example.com"},
        {"PRIVATE_TWILIO_STATUS_CALLBACK_URL": "https://texts.example.com/status"},
    ],
)
def test_with_the_simulator_nothing_leads_to_the_real_twilio(given: dict[str, str]) -> None:
    environment = Environment(given=given, added=EMBEDDED).with_simulator(SIMULATOR, WEB)
    bare = Environment(given={}, added=EMBEDDED).with_simulator(SIMULATOR, WEB)
    assert bare.settings() == environment.settings()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"DATABASE_URL": " "}, False),
        ({"SUPABASE_DB_URL": "postgresql://x"}, True),
        ({"DATABASE_URL_FILE": "/run/secrets/url"}, True),
    ],
)
def test_a_setting_counts_as_given_under_any_of_its_names(
    given: dict[str, str], expected: bool
) -> None:
    assert expected == Environment(given=given, added={}).has("database_url")
