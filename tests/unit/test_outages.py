"""An outage is said once when it begins and once when it is over."""

import logging

import psycopg
import pytest
from psycopg_pool import PoolTimeout
from structlog.testing import capture_logs

from messaging.outages import Outages, reason_of
from messaging.repetition import Once


class Clock:
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outages(clock: Clock) -> Outages:
    return Outages(clock)


def said(outages: Outages, clock: Clock, *story: str) -> list[str]:
    """What is said while parts fail ("postgres"), work is done ("worked") and time passes ("9")."""
    with capture_logs() as lines:
        for word in story:
            if word.isdigit():
                clock.now += int(word)
            elif word == "worked":
                outages.worked()
            else:
                outages.note(word, PoolTimeout("no connection"))  # type: ignore[arg-type]
    return [f"{line['event']} {line['part']}" for line in lines]


STORIES = {
    "nothing": (("worked",), []),
    "many failures": (("postgres", "postgres", "1", "postgres"), ["infrastructure_lost postgres"]),
    "work at once": (("postgres", "1", "worked"), ["infrastructure_lost postgres"]),
    "work after a while": (
        ("postgres", "10", "worked", "worked"),
        ["infrastructure_lost postgres", "infrastructure_back postgres"],
    ),
    "a failure meanwhile": (
        ("postgres", "9", "postgres", "9", "worked"),
        ["infrastructure_lost postgres"],
    ),
    "two parts": (
        ("postgres", "5", "redis", "5", "worked"),
        [
            "infrastructure_lost postgres",
            "infrastructure_lost redis",
            "infrastructure_back postgres",
        ],
    ),
    "a second outage": (
        ("redis", "10", "worked", "redis"),
        ["infrastructure_lost redis", "infrastructure_back redis", "infrastructure_lost redis"],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_an_outage_is_said_once(name: str, outages: Outages, clock: Clock) -> None:
    story, expected = STORIES[name]
    assert expected == said(outages, clock, *story)


def test_a_line_tells_how_long_an_outage_was_and_how_much_failed(
    outages: Outages, clock: Clock
) -> None:
    with capture_logs() as lines:
        outages.note("redis", OSError("gone"))
        clock.now = 42.0
        outages.note("redis", OSError("gone"))
        clock.now = 60.0
        outages.worked()
    assert (42.0, 2) == (lines[-1]["seconds"], lines[-1]["failures"])


def test_words_of_postgres_that_may_quote_a_row_are_not_said() -> None:
    secret = "could not write row (+15555550100)"
    assert "DiskFull, SQLSTATE 53100" == reason_of(psycopg.errors.DiskFull(secret))


def test_a_failed_connection_says_where() -> None:
    error = psycopg.OperationalError("connection to 10.0.0.1 refused\nIs the server running?")
    assert "OperationalError: connection to 10.0.0.1 refused" == reason_of(error)


def record(name: str, message: str, at: float) -> logging.LogRecord:
    """A line of a library at this second."""
    line = logging.makeLogRecord({"name": name, "msg": message, "levelno": logging.WARNING})
    line.created = at
    return line


def test_a_library_that_cannot_connect_says_so_once() -> None:
    once = Once()
    tries = [record("psycopg.pool", "error connecting in %r: %s", at) for at in (0.0, 1.0, 50.0)]
    later = record("psycopg.pool", "error connecting in %r: %s", 111.0)
    assert [True, False, False, True] == [once.filter(line) for line in (*tries, later)]


def test_other_lines_are_said_each_time() -> None:
    once = Once()
    lines = [record("celery.app.trace", "Task failed", at) for at in (0.0, 1.0)]
    assert [True, True] == [once.filter(line) for line in lines]
