"""Addresses that cannot be read are refused before a library quotes them; none is shown whole."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from messaging.addressing import masked, why_no_broker, why_no_postgres, why_no_redis
from messaging.errors import Misconfigured
from messaging.settings import load, names_of

SECRET = "s3cr3tpw"
POSTGRES = "postgresql://postgres@127.0.0.1/postgres"

READABLE = {
    why_no_postgres: [
        "postgresql://postgres:pw@127.0.0.1:5432/messaging",
        "postgres://db.example.com",
        "postgresql:///messaging",
        "postgresql://user:p%40%2F%3A@[::1]:5432/messaging?sslmode=require&connect_timeout=3",
        "postgresql://a:1,b:2/messaging?target_session_attrs=read-write",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/messaging",
        "postgresql://user@/messaging?host=/tmp",
        "postgresql://postgres.abc:p#w@aws-0-eu.pooler.supabase.com:6543/postgres",
    ],
    why_no_redis: [
        "redis://127.0.0.1:6379/0",
        "redis://:pw@localhost",
        "rediss://default:p%40w@cache.example.com:6380/1?ssl_cert_reqs=none",
        "redis://[::1]:6379",
        "unix:///tmp/redis.sock",
    ],
    why_no_broker: [
        "amqp://guest:guest@rabbit:5672//",
        "amqps://u:p@a.example.com/vhost;amqps://u:p@b.example.com/vhost",
        "redis://:pw@localhost:6379/2",
        "memory://",
        "sqs://",
    ],
}
UNREADABLE = {
    why_no_postgres: [
        f"mysql://u:{SECRET}@h/x",
        f"u:{SECRET}@h/x",
        f"postgresql://u:{SECRET}%zz@127.0.0.1/x",
        f"postgresql://u:x@127.0.0.1:{SECRET}/x",
        f"postgresql://u:ab@{SECRET}@127.0.0.1/x",
        f"postgresql://u:{SECRET}/x@127.0.0.1:1/x",
        f"postgresql://u:123/{SECRET}@127.0.0.1:1/x",
        f"postgresql://u:{SECRET}@[::1/x",
        f"postgresql://u:{SECRET}@host name/x",
        f"postgresql://h/x?passwort={SECRET}",
    ],
    why_no_redis: [
        f"http://:{SECRET}@h",
        f"redis://:{SECRET}#1@127.0.0.1:1/0",
        f"redis://:123#{SECRET}@127.0.0.1:1/0",
        f"redis://:{SECRET}/a@127.0.0.1:1/0",
        f"redis://:123/{SECRET}@127.0.0.1:1/0",
        f"redis://:x@127.0.0.1:{SECRET}/0",
        f"redis://127.0.0.1:1/{SECRET}",
        f"redis://127.0.0.1:1/0?socket_timeout={SECRET}",
        f"redis://:{SECRET}@[::1",
        f"redis://{SECRET}@127.0.0.1",
    ],
    why_no_broker: [
        f"amqp://u:x@127.0.0.1:{SECRET}//",
        f"amqp://u:{SECRET}#x@127.0.0.1//",
        f"amqp://a;amqp://u:12/{SECRET}@127.0.0.1//",
    ],
}
Question = Callable[[str], str | None]
SETTINGS = {
    why_no_postgres: "database_url",
    why_no_redis: "redis_url",
    why_no_broker: "broker_url",
}


@pytest.mark.parametrize(
    ("question", "url"), [(question, url) for question, urls in READABLE.items() for url in urls]
)
def test_what_is_in_use_is_read(question: Question, url: str) -> None:
    assert question(url) is None


@pytest.mark.parametrize(
    ("question", "url"), [(question, url) for question, urls in UNREADABLE.items() for url in urls]
)
def test_what_cannot_be_read_is_refused_without_a_word_of_it(question: Question, url: str) -> None:
    name = names_of(SETTINGS[question])[0]
    with pytest.raises(Misconfigured) as problem:
        load({"DATABASE_URL": POSTGRES, name: url})
    said = str(problem.value)
    assert said.startswith(f"{name}: ")
    assert "write " in said or "must begin" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to redis://:pw@h:1/0, now", "to redis://***@h:1/0, now"),
        ("postgresql://user:p@w@h/x", "postgresql://***@h/x"),
        ("amqp://u:p@a//;amqp://u:p@b//", "amqp://***@a//;amqp://***@b//"),
        ("postgresql://h/x?a=b&password=pw&c=d", "postgresql://h/x?a=b&password=***&c=d"),
        ("https://example.com/a@b", "https://example.com/a@b"),
        ("nobody@example.com", "nobody@example.com"),
    ],
)
def test_users_and_passwords_are_stars(text: str, expected: str) -> None:
    assert expected == masked(text)


def test_settings_show_no_password() -> None:
    settings = load(
        {
            "DATABASE_URL": f"postgresql://u:{SECRET}@h/x",
            "REDIS_URL": f"redis://:{SECRET}@h",
            "MESSAGING_BROKER_URL": f"amqp://u:{SECRET}@h//",
            "PUBLIC_BASE_URL": f"https://u:{SECRET}@texts.example.com",
            "TWILIO_API_BASE_URL": f"http://u:{SECRET}@proxy.example.com",
            "TWILIO_AUTH_TOKEN": SECRET,
            "TWILIO_API_KEY": "SK",
            "TWILIO_API_SECRET": SECRET,
        }
    )
    assert SECRET not in f"{settings} {settings!r}"


def test_no_line_of_the_log_has_one() -> None:
    """Whoever writes it: ours, or a library with an error of its own."""
    program = f"""
import logging
from messaging import events
from messaging.settings import load
events.configure(load({{"DATABASE_URL": {POSTGRES!r}}}))
events.infrastructure_lost(part="redis", reason="no redis://:{SECRET}@h")
try:
    raise ValueError("postgresql://u:{SECRET}@h")
except ValueError:
    logging.getLogger("celery").exception("no amqp://u:%s@h", "{SECRET}")
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert 3 == ran.stderr.count("://***@h")
    assert SECRET not in ran.stderr
