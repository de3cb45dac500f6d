"""Settings: where values come from, what is refused, and that secrets stay secret."""

from pathlib import Path

import pytest

from messaging.domain.job import InDoubtPolicy
from messaging.errors import Misconfigured
from messaging.settings import load, names_of

DATABASE = "postgresql://messaging:hidden@127.0.0.1/messaging"
ACCOUNT = "AC" + "0" * 32
SERVICE = "MG" + "0" * 32


def refused(**environment: str) -> list[str]:
    """The lines that say why an environment is refused."""
    with pytest.raises(Misconfigured) as problem:
        load(environment)
    return str(problem.value).splitlines()


def test_a_database_is_all_that_must_be_set() -> None:
    settings = load({"DATABASE_URL": DATABASE})
    assert DATABASE == settings.database_url.get_secret_value()
    assert settings.redis_url.get_secret_value() == settings.celery_broker_url
    assert InDoubtPolicy.RECONCILE == settings.in_doubt_policy


def test_nothing_set_is_one_problem_that_names_both_names() -> None:
    assert ["DATABASE_URL or SUPABASE_DB_URL is not set."] == refused()


def test_every_wrong_value_is_reported_at_once_a_line_each() -> None:
    lines = refused(
        DATABASE_URL="mysql://root@127.0.0.1/messaging",
        REDIS_URL="http://127.0.0.1",
        TWILIO_ACCOUNT_SID="AC1",
        TWILIO_NATIVE_SCHEDULING="perhaps",
        MESSAGING_CONNECT_TIMEOUT="0",
        MESSAGING_RETRY_LONGEST="inf",
        MESSAGING_CHUNK="many",
        MESSAGING_IN_DOUBT_POLICY="guess",
        PORT="70000",
        PUBLIC_BASE_URL_FILE="/nowhere/url",
    )
    assert [
        "DATABASE_URL",
        "MESSAGING_CHUNK",
        "MESSAGING_CONNECT_TIMEOUT",
        "MESSAGING_IN_DOUBT_POLICY",
        "MESSAGING_RETRY_LONGEST",
        "PORT",
        "PUBLIC_BASE_URL_FILE",
        "REDIS_URL",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_NATIVE_SCHEDULING",
    ] == sorted(line.split(":")[0] for line in lines)


def test_a_problem_never_quotes_the_value() -> None:
    lines = refused(DATABASE_URL="mysql://root:hidden@127.0.0.1", REDIS_URL="http://:hidden@x")
    assert "hidden" not in "".join(lines)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TWILIO_NATIVE_SCHEDULING": "true"}, "TWILIO_NATIVE_SCHEDULING needs"),
        ({"TWILIO_API_KEY": "SK1"}, "TWILIO_API_KEY and TWILIO_API_SECRET go together"),
        ({"TWILIO_API_SECRET": "hidden"}, "TWILIO_API_KEY and TWILIO_API_SECRET go together"),
        ({"MESSAGING_SEND_LEASE": "18"}, "MESSAGING_SEND_LEASE must be more than 18 s"),
        ({"MESSAGING_READ_TIMEOUT": "37"}, "MESSAGING_SEND_LEASE must be more than 45 s"),
        ({"MESSAGING_QUIESCENCE": "31"}, "MESSAGING_QUIESCENCE must be more than 31 s"),
        (
            {"MESSAGING_QUIESCENCE": "18", "TWILIO_API_BASE_URL": "http://localhost:8010"},
            "MESSAGING_QUIESCENCE must be more than 18 s",
        ),
        ({"MESSAGING_ENTRY_LEASE": "45"}, "MESSAGING_ENTRY_LEASE must be more than"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    environment: dict[str, str], expected: str
) -> None:
    (line,) = refused(DATABASE_URL=DATABASE, **environment)
    assert line.startswith(expected)


def test_all_contradictions_are_reported_at_once() -> None:
    lines = refused(
        DATABASE_URL=DATABASE,
        TWILIO_NATIVE_SCHEDULING="true",
        TWILIO_API_KEY="SK1",
        MESSAGING_SEND_LEASE="10",
        MESSAGING_ENTRY_LEASE="10",
    )
    assert 4 == len(lines)


@pytest.mark.parametrize(
    "environment",
    [
        {"TWILIO_NATIVE_SCHEDULING": "true", "TWILIO_MESSAGING_SERVICE_SID": SERVICE},
        {"TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "hidden"},
        {"MESSAGING_SEND_LEASE": "18.1"},
        {"MESSAGING_QUIESCENCE": "31.1"},
        {"MESSAGING_ENTRY_LEASE": "45.1"},
    ],
)
def test_settings_that_just_fit_together_are_taken(environment: dict[str, str]) -> None:
    assert load({"DATABASE_URL": DATABASE, **environment})


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_variable_counts_as_unset(empty: str) -> None:
    settings = load({"DATABASE_URL": empty, "SUPABASE_DB_URL": DATABASE, "PORT": empty})
    assert (DATABASE, 8000) == (settings.database_url.get_secret_value(), settings.port)


def test_spaces_around_a_value_are_dropped() -> None:
    assert "Texts" == load({"DATABASE_URL": DATABASE, "TWILIO_FROM": " Texts\n"}).twilio_from


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("twilio_account_sid", ACCOUNT),
        ("twilio_messaging_service_sid", SERVICE),
        ("twilio_from", "+15005550006"),
        ("twilio_status_callback_url", "https://texts.example/api/twilio/status"),
        ("rate_limit_per_second", 10),
        ("rate_limit_per_minute", 100),
    ],
)
def test_the_original_s_private_names_say_the_same(field: str, value: str | int) -> None:
    plain, private = names_of(field)
    assert f"PRIVATE_{plain}" == private
    for name in (plain, private):
        assert value == getattr(load({"DATABASE_URL": DATABASE, name: str(value)}), field)


@pytest.mark.parametrize(
    ("second", "minute", "fuse"),
    [
        ("", "", None),
        ("50", "", "50/s"),
        ("200", "6000", "100/s"),
        ("", "100", "1.66667/s"),
        ("", "10", "1/s"),
    ],
)
def test_the_fuse_of_a_worker_is_the_stricter_limit(
    second: str, minute: str, fuse: str | None
) -> None:
    limits = {"TWILIO_RATE_LIMIT_PER_SECOND": second, "TWILIO_RATE_LIMIT_PER_MINUTE": minute}
    assert fuse == load({"DATABASE_URL": DATABASE, **limits}).tasks_per_second


def test_the_preferred_name_wins() -> None:
    settings = load(
        {"DATABASE_URL": DATABASE, "PRIVATE_TWILIO_FROM": "other", "TWILIO_FROM": "preferred"}
    )
    assert "preferred" == settings.twilio_from


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" hidden \n")
    token = load(
        {"DATABASE_URL": DATABASE, "TWILIO_AUTH_TOKEN_FILE": str(tmp_path / "token")}
    ).twilio_auth_token
    assert token is not None
    assert "hidden" == token.get_secret_value()


def test_a_variable_wins_over_its_file_which_is_then_not_read() -> None:
    settings = load({"DATABASE_URL": DATABASE, "DATABASE_URL_FILE": "/nowhere/url"})
    assert DATABASE == settings.database_url.get_secret_value()


def test_a_file_that_cannot_be_read_is_a_problem_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    assert [
        "TWILIO_AUTH_TOKEN_FILE: /nowhere/token cannot be read (No such file or directory).",
        f"TWILIO_API_SECRET_FILE: {tmp_path}/token is not text in UTF-8.",
    ] == refused(
        DATABASE_URL=DATABASE,
        TWILIO_AUTH_TOKEN_FILE="/nowhere/token",
        TWILIO_API_SECRET_FILE=f"{tmp_path}/token",
    )


def test_no_secret_is_in_the_repr() -> None:
    settings = load(
        {
            "DATABASE_URL": DATABASE,
            "DATABASE_DIRECT_URL": DATABASE,
            "REDIS_URL": "redis://:hidden@127.0.0.1",
            "MESSAGING_BROKER_URL": "amqp://messaging:hidden@127.0.0.1",
            "TWILIO_AUTH_TOKEN": "hidden",
            "TWILIO_AUTH_TOKEN_SECONDARY": "hidden",
            "TWILIO_API_KEY": "SK1",
            "TWILIO_API_SECRET": "hidden",
        }
    )
    assert "hidden" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {},
            "To send texts, set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and "
            "TWILIO_API_SECRET), TWILIO_MESSAGING_SERVICE_SID (or TWILIO_FROM).",
        ),
        (
            {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": "hidden"},
            "To send texts, set TWILIO_MESSAGING_SERVICE_SID (or TWILIO_FROM).",
        ),
    ],
)
def test_what_is_missing_to_send_is_named(environment: dict[str, str], expected: str) -> None:
    with pytest.raises(Misconfigured) as problem:
        load({"DATABASE_URL": DATABASE, **environment}).require_twilio()
    assert expected == str(problem.value)


@pytest.mark.parametrize(
    "credentials",
    [
        {"TWILIO_AUTH_TOKEN": "hidden", "TWILIO_FROM": "+15005550006"},
        {
            "TWILIO_API_KEY": "SK1",
            "TWILIO_API_SECRET": "hidden",
            "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
        },
    ],
)
def test_an_account_a_credential_and_a_sender_are_enough(credentials: dict[str, str]) -> None:
    load({"DATABASE_URL": DATABASE, "TWILIO_ACCOUNT_SID": ACCOUNT, **credentials}).require_twilio()


@pytest.mark.parametrize(
    ("environment", "callback", "base"),
    [
        ({}, None, None),
        (
            {"PUBLIC_BASE_URL": "https://texts.example/"},
            "https://texts.example/api/twilio/status",
            "https://texts.example",
        ),
        (
            {"TWILIO_STATUS_CALLBACK_URL": "https://other.example/hook?tenant=1"},
            "https://other.example/hook?tenant=1",
            "https://other.example",
        ),
        (
            {
                "PUBLIC_BASE_URL": "https://texts.example",
                "TWILIO_STATUS_CALLBACK_URL": "https://other.example/hook",
            },
            "https://other.example/hook",
            "https://texts.example",
        ),
    ],
)
def test_where_twilio_reaches_us(
    environment: dict[str, str], callback: str | None, base: str | None
) -> None:
    settings = load({"DATABASE_URL": DATABASE, **environment})
    assert (callback, base) == (settings.status_callback_url, settings.webhook_base_url)


def test_locks_and_listening_go_past_the_pooler() -> None:
    pooled = {"DATABASE_URL": DATABASE}
    direct = {**pooled, "DATABASE_DIRECT_URL": "postgresql://127.0.0.1:5433/messaging"}
    assert DATABASE == load(pooled).direct_url
    assert direct["DATABASE_DIRECT_URL"] == load(direct).direct_url
