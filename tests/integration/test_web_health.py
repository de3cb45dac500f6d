"""The web process without its database, with it, and when it comes back."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from messaging.local.postgres import EmbeddedPostgres
from messaging.local.process import wait_until
from messaging.local.valkey import EmbeddedValkey
from messaging.postgres.migrate import migrate
from tests.integration.web_server import PUBLIC, Web, web_process

FORM = [("MessageSid", "SM" + "e" * 32), ("MessageStatus", "sent")]
NOT_RECORDED = (503, "The receipt was not recorded: please try again.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder / "postgres", durable=False)
    with server:
        migrate(server.url)
        yield server


@pytest.fixture(scope="module")
def valkey(folder: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(folder / "valkey") as server:
        yield server


@pytest.fixture(scope="module")
def web(folder: Path, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> Iterator[Web]:
    with web_process(
        folder,
        DATABASE_URL=postgres.url,
        REDIS_URL=valkey.url,
        TWILIO_AUTH_TOKEN="a" * 32,
        PUBLIC_BASE_URL=PUBLIC,
    ) as process:
        yield process


def part(name: str, ok: bool, sentence: str) -> dict[str, object]:
    return {"name": name, "ok": ok, "sentence": sentence}


DATABASE = part("database", True, "Postgres answers and is migrated.")
REDIS = part("redis", True, "Redis answers.")


def test_a_process_with_all_its_parts_is_ready(web: Web) -> None:
    answer = web.get("/readyz")
    assert answer.status == 200
    assert {"ready": True, "parts": [DATABASE, REDIS]} == answer.json


def test_metrics_show_the_installation(web: Web, postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url) as conn:
        conn.execute(
            "insert into public.message_jobs (recipient_phone, message_content, priority)"
            " values ('+14155552671', 'Hi', 0), ('+14155552671', 'Hi', 9)"
        )
    lines = web.get("/metrics").text.splitlines()
    for expected in [
        "messaging_database_up 1.0",
        'messaging_jobs{status="pending"} 2.0',
        'messaging_queue_length{lane="urgent"} 1.0',
        'messaging_queue_length{lane="normal"} 1.0',
        'messaging_last_day{result="delivered"} 0.0',
        'messaging_receipts_total{result="matched"} 0.0',
    ]:
        assert expected in lines


def test_a_process_starts_before_its_database(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    with first:
        url, port = first.url, first.port
    with web_process(
        tmp_path, DATABASE_URL=url, TWILIO_AUTH_TOKEN="a" * 32, PUBLIC_BASE_URL=PUBLIC
    ) as web:
        assert web.get("/readyz").status == 503
        with EmbeddedPostgres(first.folder, port=port, durable=False) as server:
            assert wait_until(lambda: "messaging migrate" in web.get("/readyz").text, limit=20)
            migrate(server.url)
            assert wait_until(lambda: "is migrated" in web.get("/readyz").text, limit=20)
            assert web.call_back(FORM).status == 204


def test_a_process_that_cannot_check_signatures_says_what_to_set(tmp_path: Path) -> None:
    with web_process(tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none") as web:
        answer = web.call_back(FORM)
    expected = "Signatures cannot be checked here: set TWILIO_AUTH_TOKEN and PUBLIC_BASE_URL."
    assert (503, expected) == (answer.status, answer.text)


def test_there_are_no_pages_that_load_from_elsewhere(web: Web) -> None:
    pages = ["/docs", "/redoc", "/openapi.json", "/"]
    assert [404] * 4 == [web.get(page).status for page in pages]


def test_the_database_may_go_and_come_back(
    web: Web, postgres: EmbeddedPostgres, valkey: EmbeddedValkey
) -> None:
    assert web.call_back(FORM).status == 204
    postgres.stop()
    valkey.stop()
    answer = web.call_back(FORM)
    assert (answer.status, answer.text) == NOT_RECORDED
    assert web.get("/healthz").status == 200
    assert "messaging_database_up 0.0" in web.get("/metrics").text.splitlines()
    ready = web.get("/readyz")
    assert ready.status == 503
    assert "Postgres does not answer" in ready.text
    assert "Redis does not answer" in ready.text
    with EmbeddedPostgres(postgres.folder, port=postgres.port, durable=False):
        assert wait_until(lambda: web.call_back(FORM).status == 204, limit=20)
