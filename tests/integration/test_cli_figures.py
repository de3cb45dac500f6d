"""`queues` and `stats`: how much waits and where, what was sent, what failed and why."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging.domain.verdict import Scope
from messaging.local.ports import any_free
from messaging.redis.throttle import Throttle
from messaging.runtime import Runtime
from messaging.settings import Settings
from tests.integration.command_line import CommandLine
from tests.integration.story import insert, stop, work

Database = Connection[TupleRow]


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def test_queues_show_what_waits_in_each(
    messaging: CommandLine, db: Database, redis_url: str
) -> None:
    import redis

    insert(db)
    insert(db, priority=9)
    insert(db, scheduled_for="2050-01-01T00:00:00Z")
    with redis.Redis.from_url(redis_url) as client:
        client.rpush("deliver.urgent", "{}", "{}", "{}")
    shown = messaging("queues", "--json").json
    lengths = {queue["lane"]: queue["queue_length"] for queue in shown["queues"]}
    assert {"urgent": 1, "normal": 1, "dead": 0} == lengths
    celery = {"deliver.urgent": 3, "deliver.normal": 0, "bridge": 0, "upkeep": 0}
    assert celery == shown["celery"]
    assert {"scheduled": 1, "pending": 2} == {
        row["status"]: row["jobs"] for row in shown["waiting"]
    }


def test_queues_show_the_campaigns_that_take_turns(messaging: CommandLine, db: Database) -> None:
    insert(db)
    assert "share" not in messaging("queues").out
    for name in ("spring", "spring", *map(str, range(5))):
        insert(db, metadata=Jsonb({"campaign": name}))
    shown = messaging("queues", "--json").json["campaigns"]
    assert {"campaign": "spring", "entries": 2, "has_more": False} == {
        key: value for key, value in shown[0].items() if key != "oldest_age_sec"
    }
    assert {None, "spring", *map(str, range(5))} == {one["campaign"] for one in shown}
    told = messaging("queues").out
    assert re.search(r"spring +2 +[\d.]+ s +14%", told)
    assert "and 2 others" in told


def test_queues_say_why_nothing_is_sent(messaging: CommandLine, settings: Settings) -> None:
    assert "Nothing is sent" not in messaging("queues").out
    throttle = Throttle(settings)
    stop(throttle, "21660: The number +15555550100 is another account's", Scope.SENDER)
    throttle.close()
    account, sender = messaging("queues", "--json").json["breakers"]
    assert (False, True) == (account["is_open"], sender["is_open"])
    assert sender["since"] < sender["next_probe"]
    told = " ".join(messaging("queues").out.split())
    assert "Nothing is sent with our sender. 21660: The number +1555" in told
    assert "it is tried again at" in told
    assert "+15555550100" not in told + str(sender)


def test_empty_queues_are_shown_as_such(messaging: CommandLine) -> None:
    ran = messaging("queues")
    assert 0 == ran.code
    assert "No message waits." in ran.out


def test_queues_are_shown_without_a_broker(messaging: CommandLine, db: Database) -> None:
    insert(db)
    messaging.set(REDIS_URL=f"redis://:s3cret@127.0.0.1:{any_free()}/0")
    ran = messaging("queues", "--json")
    assert (0, None, None) == (ran.code, ran.json["celery"], ran.json["breakers"])
    told = messaging("queues")
    assert "pending" in told.out
    assert told.err.startswith("! Celery's broker at 127.0.0.1:")
    assert "s3cret" not in told.err


def test_stats_count_what_was_sent_and_why_the_rest_was_not(
    messaging: CommandLine, db: Database
) -> None:
    def sent(number: int, delivery: str, code: int | None = None) -> None:
        sid = f"SM{number:032}"
        columns = {"delivery_status": delivery, "error_code": code, "twilio_sid": sid}
        insert(db, status="sent", sent_at="now", **columns)

    for number, delivery in enumerate(["delivered", "delivered", "sent"]):
        sent(number, delivery)
    sent(10, "undelivered", 30003)
    for message in ("It quotes +14155552671.", "It quotes +14155552672."):
        insert(db, status="failed", error_code=21211, error_details=Jsonb({"message": message}))
    insert(db, status="failed", error_details=Jsonb({"message": "No retry is left."}))
    insert(db, status="failed", created_at="yesterday")
    stats = messaging("stats", "--json").json
    names = ("sent_today", "sent", "delivered", "undelivered", "failed", "queued")
    assert [4, 4, 2, 1, 3, 0] == [stats[name] for name in names]
    reasons = [(one["outcome"], one["error_code"], one["messages"]) for one in stats["failures"]]
    assert [("failed", 21211, 2), ("failed", None, 1), ("undelivered", 30003, 1)] == reasons
    told = messaging("stats").out
    assert "21211, The recipient is not a valid phone number." in told
    assert "No retry is left." in told


def test_queues_say_how_fast_it_goes_and_who_works(
    messaging: CommandLine, rt: Runtime, db: Database
) -> None:
    for n in range(5):
        insert(db, message_content=f"n {n}")
    work(rt)
    db.execute("select messaging.heartbeat('worker-1', array['worker'], 0, null)")
    messaging.set(TWILIO_RATE_LIMIT_PER_SECOND="20")
    shown = messaging("queues", "--json").json
    assert {"sent": 0.5, "limit": 20.0} == shown["rate"]
    assert {"worker": 1, "bridge": 0, "beat": 0, "web": 0} == shown["processes"]
    assert "0.5 a second sent of 20   1 worker" in messaging("queues").out


def test_queues_are_watched_until_somebody_interrupts(environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "messaging", "queues", "--watch"]
    with subprocess.Popen(
        words, stdout=theirs, stderr=theirs, env={**os.environ, **environment, "TERM": "xterm"}
    ) as child:
        os.close(theirs)
        said = b""
        while said.count(b"a second sent") < 2:
            said += os.read(ours, 4096)
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the end of a terminal, on Linux
            while os.read(ours, 4096):
                pass
        assert 0 == child.wait(timeout=20)
    os.close(ours)


def test_a_picture_is_no_json(messaging: CommandLine) -> None:
    assert 2 == messaging("queues", "--watch", "--json").error[0]
