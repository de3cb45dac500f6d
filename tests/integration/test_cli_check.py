"""`messaging check`: every part looked at, also when others are broken, and what to do about it."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.commands.checks.finding import State
from messaging.commands.checks.twilio import callback
from messaging.local.ports import any_free
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import wait_until
from messaging.local.processes import BEAT, BRIDGE, WORKER, Command
from messaging.redis.throttle import Throttle
from messaging.settings import Settings, load
from tests.integration.command_line import CommandLine, Ran
from tests.integration.story import stop

Database = Connection[TupleRow]
PARTS = [
    "settings", "database", "direct", "migrations", "pgmq", "queues", "clock", "alerts", "stops",
    "countries", "erasure", "inbound", "retention", "redis", "sending", "workers", "bridge", "beat",
    "twilio", "sender", "callback",
]  # fmt: skip

TAKES_EVERYTHING = replace(
    WORKER, line=WORKER.line.replace("deliver.normal ", "deliver.normal,bridge,upkeep ")
)
"""A worker that is the bridge as well: a process less to start."""


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    command_line = CommandLine(environment, monkeypatch, capsys)
    command_line.set(PUBLIC_BASE_URL="https://texts.example.com")
    return command_line


def findings(ran: Ran) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in ran.json["findings"]}


def states(ran: Ran) -> dict[str, str]:
    return {name: finding["state"] for name, finding in findings(ran).items()}


@contextmanager
def running(command: Command, environment: Mapping[str, str]) -> Iterator[None]:
    """One of the service's processes, until the block ends."""
    process = subprocess.Popen(
        command.argv(environment),
        env={**environment, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_all_is_well_when_every_process_runs(
    messaging: CommandLine, environment: dict[str, str]
) -> None:
    with ExitStack() as stack:
        for command in (TAKES_EVERYTHING, BEAT):
            stack.enter_context(running(command, environment))
        assert wait_until(lambda: messaging("check", "--json").code == 0, limit=60)
        ran = messaging("check", "--json")
    assert dict.fromkeys(PARTS, "ok") == states(ran)
    assert ran.json["ok"]


def test_each_trouble_is_told_with_what_to_do(
    messaging: CommandLine, db: Database, settings: Settings
) -> None:
    messaging.set(TWILIO_MESSAGING_SERVICE_SID="MG" + "0" * 32)
    db.execute("select pgmq.send('sms_dlq', '{}')")
    throttle = Throttle(settings)
    stop(throttle, "The account of +15555550100 is suspended.")
    throttle.close()
    ran = messaging("check", "--json")
    found = findings(ran)
    assert 1 == ran.code
    assert {
        **dict.fromkeys(PARTS, "ok"),
        **dict.fromkeys(("sending", "workers", "bridge", "beat", "sender"), "trouble"),
        "queues": "warning",
    } == states(ran)
    assert "urgent 0, normal 0, dead 1" == found["queues"]["what"]
    said = found["sending"]["what"]
    assert said.startswith("Nothing is sent with our account. The account of ")
    assert "is suspended. Since " in said
    assert "it is tried again at " in said
    assert "+15555550100" not in said
    assert "MG" + "0" * 32 in found["sender"]["what"]
    for name, command in (("workers", WORKER), ("bridge", BRIDGE), ("beat", BEAT)):
        assert f"Start one: {command.line}" == found[name]["advice"]


def test_a_key_that_is_missing_is_trouble(messaging: CommandLine, db: Database) -> None:
    db.execute("insert into messaging.erasure_keys (id) values ('0123abcd')")
    found = findings(messaging("check", "--json"))["erasure"]
    assert ("trouble", True) == (found["state"], "erasures give-up 0123abcd" in found["advice"])


def test_a_line_is_printed_for_each_part_and_a_verdict(messaging: CommandLine) -> None:
    ran = messaging("check")
    assert (1, "") == (ran.code, ran.err)
    names = [line.split()[1] for line in ran.out.splitlines() if line[:2] in ("✓ ", "✗ ", "! ")]
    assert PARTS == names
    assert "3 parts in trouble." in ran.out


def test_everything_else_is_looked_at_when_the_servers_are_away(messaging: CommandLine) -> None:
    messaging.set(
        DATABASE_URL=f"postgresql://x:s3cret@127.0.0.1:{any_free()}/x",
        REDIS_URL=f"redis://:s3cret@127.0.0.1:{any_free()}/0",
    )
    ran = messaging("check", "--json")
    unknown = (
        "direct", "migrations", "pgmq", "queues", "clock", "alerts", "stops", "countries",
        "erasure", "inbound", "sending", "workers", "bridge", "beat",
    )  # fmt: skip
    assert {
        **dict.fromkeys(PARTS, "ok"),
        **dict.fromkeys(("database", "redis"), "trouble"),
        **dict.fromkeys(unknown, "skipped"),
    } == states(ran)
    assert "s3cret" not in ran.out


def test_everything_else_is_looked_at_when_nothing_is_set_up(
    messaging: CommandLine, postgres: EmbeddedPostgres
) -> None:
    messaging.set(DATABASE_URL=f"{postgres.url.rpartition('/')[0]}/postgres")
    messaging.set(TWILIO_AUTH_TOKEN="wrong")
    ran = messaging("check", "--json")
    assert {
        **dict.fromkeys(PARTS, "ok"),
        **dict.fromkeys(("migrations", "pgmq", "workers", "bridge", "beat", "twilio"), "trouble"),
        **dict.fromkeys(
            ("queues", "alerts", "stops", "countries", "erasure", "inbound", "sender"), "skipped"
        ),
    } == states(ran)
    assert "Run `messaging migrate`." == findings(ran)["migrations"]["advice"]


def test_settings_that_are_wrong_are_told_one_by_one(messaging: CommandLine) -> None:
    messaging.set(TWILIO_ACCOUNT_SID="x", MESSAGING_CHUNK="0")
    ran = messaging("check", "--json")
    expected = [("settings", "trouble")] * 2
    assert 1 == ran.code
    assert expected == [(one["name"], one["state"]) for one in ran.json["findings"]]


TWILIO = {"DATABASE_URL": "postgresql://x/x", "TWILIO_AUTH_TOKEN": "t"}
NO_TOKEN = {"DATABASE_URL": "postgresql://x/x"}


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        (TWILIO, "https://texts.example.com", State.OK),
        (TWILIO, "https://203.0.113.7", State.TROUBLE),
        (TWILIO, "https://8.8.8.8:8443", State.OK),
        (TWILIO, "http://texts.example.com", State.WARNING),
        (TWILIO, "https://my_texts.example.com", State.TROUBLE),
        (TWILIO, "https://localhost:8000", State.TROUBLE),
        (TWILIO, "https://127.0.0.1:8000", State.TROUBLE),
        (TWILIO, "https://[::1]:8000", State.TROUBLE),
        (TWILIO, "https://10.1.2.3", State.TROUBLE),
        (TWILIO, "https://printer.local", State.TROUBLE),
        (TWILIO, "https://web", State.TROUBLE),
        (TWILIO, "", State.WARNING),
        (NO_TOKEN, "https://texts.example.com", State.TROUBLE),
        ({**TWILIO, "TWILIO_API_BASE_URL": "http://x:1"}, "http://127.0.0.1:8000", State.OK),
        ({**TWILIO, "TWILIO_API_BASE_URL": "http://x:1"}, "http://a_b:8000", State.TROUBLE),
    ],
)
def test_the_callbacks_address_is_one_that_twilio_reaches(
    environment: dict[str, str], url: str, expected: State
) -> None:
    settings = load({**environment, "PUBLIC_BASE_URL": url})
    assert expected == callback(settings).state


def test_a_missing_privilege_is_told(messaging: CommandLine, postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute("drop role if exists guest")
        conn.execute("create role guest login password 'guest'")
    url = postgres.url.split("@")[1].rpartition("/")[0]
    name = messaging("migrate", "--status", "--json").json["database"].rpartition("/")[2]
    messaging.set(DATABASE_URL=f"postgresql://guest:guest@{url}/{name}")
    ran = messaging("check", "--json")
    assert 1 == ran.code
    assert "trouble" == states(ran)["queues"]


def test_texts_that_no_webhook_brought_are_told_and_so_is_a_list_that_nobody_reads(
    messaging: CommandLine, db: Database
) -> None:
    def inbound() -> dict[str, str]:
        found: dict[str, str] = findings(messaging("check", "--json"))["inbound"]
        return found

    db.execute(
        "insert into messaging.inbound_reading (number, began_at, read_until) "
        "values ('+15005550006', now(), now() - interval '2 hours')"
    )
    assert "last read to its end 2 h ago" in inbound()["what"]
    db.execute(
        "insert into messaging.inbound_messages (sid, sender, recipient, body, was_missed) "
        "values ('SM1', '+15555550100', '+15005550006', 'Hi', true)"
    )
    assert "1 text in 24 hours came by Twilio's list only" in inbound()["what"]
    messaging.set(MESSAGING_MISSED_TEXTS_MINUTES="0")
    off = inbound()
    assert ("ok", True) == (off["state"], off["what"].endswith("are not looked for"))
