"""The web process without its database, with it, and when it comes back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.domain.verdict import Scope
from messaging.local.ports import any_free
from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import wait_until
from messaging.postgres.migrate import migrate
from messaging.redis.throttle import Throttle
from messaging.settings import load
from tests.integration.story import stop
from tests.integration.web_server import PUBLIC, Web, web_process

FORM = [("MessageSid", "SM" + "e" * 32), ("MessageStatus", "sent")]
SIGNED = {"TWILIO_AUTH_TOKEN": "a" * 32, "PUBLIC_BASE_URL": PUBLIC}
NOT_RECORDED = (503, "The receipt was not recorded: please try again.")


@pytest.fixture
def web(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Web]:
    with web_process(tmp_path, **SIGNED, DATABASE_URL=database_url, REDIS_URL=redis_url) as process:
        yield process


def part(name: str, ok: bool, sentence: str) -> dict[str, object]:
    return {"name": name, "ok": ok, "sentence": sentence}


DATABASE = part("database", True, "Postgres answers and is migrated.")
REDIS = part("redis", True, "Redis answers.")


def test_a_process_with_all_its_parts_is_ready(web: Web) -> None:
    answer = web.get("/readyz")
    assert answer.status == 200
    closed = [
        {"scope": scope, "is_open": False, "why": "", "since": None, "next_probe": None}
        for scope in Scope
    ]
    assert {
        "ready": True, "parts": [DATABASE, REDIS], "alerts": 0, "stopped": [], "breakers": closed
    } == answer.json  # fmt: skip


def test_answers_are_dated_anew_each_second(web: Web) -> None:
    first = web.date
    assert wait_until(lambda: web.date != first, limit=15)


def test_a_breaker_that_is_open_is_told_and_makes_no_process_less_ready(
    web: Web, database_url: str, redis_url: str
) -> None:
    throttle = Throttle(load({**SIGNED, "DATABASE_URL": database_url, "REDIS_URL": redis_url}))
    stop(throttle, "20003: Authenticate")
    throttle.close()
    answer = web.get("/readyz")
    account, sender = json.loads(answer.text)["breakers"]
    assert (200, True, False) == (answer.status, account["is_open"], sender["is_open"])
    assert "20003: Authenticate" == account["why"]
    assert account["since"] < account["next_probe"]
    lines = web.get("/metrics").text.splitlines()
    assert 'messaging_breaker_open{of="account"} 1.0' in lines
    assert 'messaging_breaker_open{of="sender"} 0.0' in lines
    times = [line.split()[0] for line in lines if "messaging_breaker" in line and "{" in line]
    assert {
        'messaging_breaker_opened_timestamp_seconds{of="account"}',
        'messaging_breaker_probe_timestamp_seconds{of="account"}',
    } < set(times)


def test_metrics_show_the_installation(web: Web, db: Connection[TupleRow]) -> None:
    db.execute(
        "insert into public.message_jobs (recipient_phone, message_content, priority)"
        " values ('+14155552671', 'Hi', 0), ('+14155552671', 'Hi', 9)"
    )
    lines = web.get("/metrics").text.splitlines()
    for expected in [
        "messaging_database_up 1.0",
        'messaging_jobs{status="pending"} 2.0',
        "messaging_inbound_missed 0.0",
        'messaging_queue_length{lane="urgent"} 1.0',
        'messaging_queue_length{lane="normal"} 1.0',
        'messaging_last_day{result="delivered"} 0.0',
        'messaging_receipts_total{result="matched"} 0.0',
    ]:
        assert expected in lines


def test_a_process_that_cannot_check_signatures_says_what_to_set(tmp_path: Path) -> None:
    with web_process(tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none") as web:
        answer = web.call_back(FORM)
    expected = "Signatures cannot be checked here: set TWILIO_AUTH_TOKEN and PUBLIC_BASE_URL."
    assert (503, expected) == (answer.status, answer.text)


def test_there_are_no_pages_that_load_from_elsewhere(web: Web) -> None:
    pages = ["/docs", "/redoc", "/openapi.json", "/"]
    assert [404] * 4 == [web.get(page).status for page in pages]


def test_the_database_may_come_late_and_go_and_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with EmbeddedPostgres(folder, durable=False) as first:
        url, port = first.url, first.port
    nobody = f"redis://127.0.0.1:{any_free()}"
    with web_process(tmp_path, **SIGNED, DATABASE_URL=url, REDIS_URL=nobody) as web:
        _is_down(web)
        with EmbeddedPostgres(folder, port=port, durable=False):
            assert wait_until(lambda: "messaging migrate" in web.get("/readyz").text, limit=20)
            migrate(url)
            assert "is migrated" in web.get("/readyz").text
            assert web.call_back(FORM).status == 204
        answer = web.call_back(FORM)
        assert (answer.status, answer.text) == NOT_RECORDED
        with EmbeddedPostgres(folder, port=port, durable=False):
            assert wait_until(lambda: web.call_back(FORM).status == 204, limit=20)


def _is_down(web: Web) -> None:
    assert web.get("/healthz").status == 200
    assert "messaging_database_up 0.0" in web.get("/metrics").text.splitlines()
    ready = web.get("/readyz")
    assert ready.status == 503
    assert "Postgres does not answer" in ready.text
    assert "Redis does not answer" in ready.text
