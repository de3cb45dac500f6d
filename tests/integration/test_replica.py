"""Reading from a replica: what is read there, how old it is, and what happens without it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from messaging import Draft, Messaging
from messaging.local.ports import any_free
from messaging.local.process import wait_until
from messaging.postgres import figures
from messaging.postgres.migrate import migrate
from messaging.postgres.reading import read
from messaging.settings import load
from messaging.web.meters import Meters, exposition
from messaging.web.scrape import Scrape
from tests.integration.command_line import CommandLine
from tests.stack.replica import Primary, Replica

PHONE = "+15555550100"


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Primary]:
    with Primary(tmp_path_factory.mktemp("primary")) as server:
        migrate(server.url)
        yield server


@pytest.fixture(scope="module")
def following(primary: Primary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    with Replica(tmp_path_factory.mktemp("replica"), primary) as server:
        yield server


@pytest.fixture
def replica(following: Replica) -> Iterator[Replica]:
    """A replica that has everything; whoever pauses it need not see to that it goes on."""
    following.catch_up()
    yield following
    following.resume()
    following.catch_up()


@pytest.fixture
def environment(primary: Primary, replica: Replica, redis_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": primary.url,
        "DATABASE_READ_URL": replica.url_of(primary.url),
        "REDIS_URL": redis_url,
    }


@pytest.fixture
def messaging(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    return CommandLine(environment, monkeypatch, capsys)


def hand_over(environment: dict[str, str], body: str) -> str:
    with Messaging(load(environment)) as outbox:
        return str(outbox.enqueue(Draft(to=PHONE, body=body)))


def pending(messaging: CommandLine) -> tuple[int, float | None]:
    shown = messaging("queues", "--json").json
    return sum(row["jobs"] for row in shown["waiting"]), shown["behind"]


def test_figures_are_the_replicas_and_say_how_old_they_are(
    messaging: CommandLine, environment: dict[str, str], replica: Replica
) -> None:
    hand_over(environment, "Known to both")
    replica.catch_up()
    before, behind = pending(messaging)
    assert before > 0
    assert behind is not None
    replica.pause()
    hand_over(environment, "Known to one")
    assert wait_until(lambda: (pending(messaging)[1] or 0) >= 1, limit=30)
    assert before == pending(messaging)[0]
    assert "Read from a replica, " in messaging("queues").err
    replica.resume()
    replica.catch_up()
    assert before + 1 == pending(messaging)[0]
    assert messaging("stats", "--json").json["behind"] is not None


@pytest.mark.parametrize("command", ["show", "explain"])
def test_a_message_that_the_replica_does_not_have_yet_is_found(
    messaging: CommandLine, environment: dict[str, str], replica: Replica, command: str
) -> None:
    replica.pause()
    id = hand_over(environment, "Too new")
    assert id == messaging(command, id, "--json").json["id"]


def test_a_message_is_shown_while_the_database_itself_is_away(
    messaging: CommandLine, environment: dict[str, str], replica: Replica
) -> None:
    id = hand_over(environment, "On both")
    replica.catch_up()
    messaging.set(DATABASE_URL=f"postgresql://x:s3cret@127.0.0.1:{any_free()}/x")
    assert id == messaging("show", id, "--json").json["id"]


def test_a_replica_that_is_away_is_told_and_not_missed(
    messaging: CommandLine, environment: dict[str, str]
) -> None:
    id = hand_over(environment, "Still here")
    messaging.set(DATABASE_READ_URL=f"postgresql://x:s3cret@127.0.0.1:{any_free()}/x")
    ran = messaging("queues", "--json")
    assert 0 == ran.code
    assert ran.json["behind"] is None
    ran = messaging("show", id)
    assert 0 == ran.code
    assert "The replica in DATABASE_READ_URL was not read: it does not answer." in ran.err
    assert "s3cret" not in ran.err


def test_the_check_looks_at_the_replica(messaging: CommandLine) -> None:
    def found() -> tuple[str, str]:
        findings = messaging("check", "--json").json["findings"]
        return next((f["state"], f["what"]) for f in findings if f["name"] == "replica")

    assert "ok" == found()[0]
    messaging.set(DATABASE_READ_URL="postgresql://x:s3cret%ZZ@127.0.0.1/x")
    state, what = found()
    assert "warning" == state
    assert "the address cannot be read" in what
    assert "s3cret" not in what


def scraped(environment: dict[str, str]) -> str:
    seen = asyncio.run(Scrape(load(environment)).read())
    return exposition(Meters(), seen, None).decode()


def test_metrics_are_the_replicas_and_say_how_old_they_are(
    environment: dict[str, str],
) -> None:
    shown = scraped(environment)
    assert "messaging_database_up 1.0" in shown
    assert "messaging_replica_behind_seconds 0.0" in shown


def test_metrics_do_without_a_replica_that_is_away(environment: dict[str, str]) -> None:
    environment["DATABASE_READ_URL"] = f"postgresql://x:x@127.0.0.1:{any_free()}/x"
    shown = scraped(environment)
    assert "messaging_database_up 1.0" in shown
    assert "messaging_jobs{" in shown
    assert "messaging_replica_behind_seconds" not in shown


def test_nothing_can_be_written_where_it_is_read(environment: dict[str, str]) -> None:
    """So that a statement that writes is found here, and not in production."""
    told: list[psycopg.Error] = []

    def write(conn: psycopg.Connection[tuple[object, ...]]) -> bool:
        conn.execute("delete from messaging.heartbeats")
        return True

    assert read(load(environment), write, told.append).behind is None
    (error,) = told
    assert isinstance(error, psycopg.errors.ReadOnlySqlTransaction)


def test_without_a_replica_the_database_is_read(environment: dict[str, str]) -> None:
    del environment["DATABASE_READ_URL"]
    assert read(load(environment), figures.read, print).behind is None


def test_a_plan_is_made_at_the_replica_and_says_how_old_it_is(
    messaging: CommandLine, environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "texts.csv"
    path.write_text(f"to,body\n{PHONE},Hello\n")
    planned = messaging("plan", path, "--json").json
    assert planned["behind"] is not None
    assert 1 == planned["plan"]["recipients"]
    messaging.set(DATABASE_READ_URL=f"postgresql://nobody@127.0.0.1:{any_free()}/messaging")
    planned = messaging("plan", path, "--report", tmp_path / "plan.csv", "--json").json
    assert (None, 1) == (planned["behind"], planned["plan"]["recipients"])
