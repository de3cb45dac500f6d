"""Postgres or Redis is away for some seconds in the middle of the work, in every way it can be.

Nothing is lost or doubled, everything goes on by itself, and each process says so once.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from messaging.local.postgres import EmbeddedPostgres
from tests.crash.endings import assert_nothing_is_left
from tests.crash.troubles import OF_POSTGRES, OF_REDIS, Trouble
from tests.stack.batch import FULL_SIZE, Batch, drafts
from tests.stack.stack import Stack

TEXTS = 100
LASTS = 2.0
"""Seconds that the trouble lasts once it has begun."""
LIMIT = 90.0
ONLY_IN_FULL = {"Postgres unreachable", "Postgres silent", "Redis wiped", "Redis unreachable"}
"""MESSAGING_TEST_SCALE=full has them; otherwise `messaging chaos` cuts every link anyway."""
ALL: Mapping[str, Trouble] = {
    **{f"Postgres {name}": trouble for name, trouble in OF_POSTGRES.items()},
    **{f"Redis {name}": trouble for name, trouble in OF_REDIS.items()},
}
TROUBLES = {name: trouble for name, trouble in ALL.items() if FULL_SIZE or name not in ONLY_IN_FULL}
MOST_LINES = 8
"""Warnings and errors that one process may print about an outage; it has hundreds of tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What was under way, and where each process's log began."""

    batch: Batch
    said: Mapping[str, list[str]]


@pytest.fixture(scope="module")
def outages(stack: Stack, server: EmbeddedPostgres) -> Iterator[dict[str, Outage]]:
    """One trouble after the other; what it leaves behind is looked after during the next."""
    stack.twilio.adjust(latency_ms=250)
    yield {name: outage(stack, server, name, trouble) for name, trouble in TROUBLES.items()}
    stack.twilio.adjust(latency_ms=0)


def outage(stack: Stack, server: EmbeddedPostgres, name: str, trouble: Trouble) -> Outage:
    began = {child: len(process.text()) for child, process in stack.children.items()}
    batch = Batch.of(stack, drafts(TEXTS, f"While {name}"))
    stack.wait_until(lambda: batch.statuses()["sent"] > 0 and batch.statuses()["processing"] > 0)
    with trouble(stack, server):
        stack.comes_true(lambda: False, LASTS)
    before = batch.statuses()["sent"]
    stack.wait_until(lambda: batch.statuses()["sent"] > before or batch.are("sent"))
    said = {
        child: process.text()[began.get(child, 0) :].splitlines()
        for child, process in stack.children.items()
    }
    return Outage(batch=batch, said=said)


@pytest.mark.parametrize("name", TROUBLES)
def test_every_text_is_sent_once(stack: Stack, outages: dict[str, Outage], name: str) -> None:
    outages[name].batch.assert_sent_once(LIMIT)


@pytest.mark.parametrize("name", TROUBLES)
def test_each_process_says_so_once_and_not_once_for_each_text(
    outages: dict[str, Outage], name: str
) -> None:
    for child, lines in outages[name].said.items():
        complaints = [line for line in lines if "[info" not in line]
        print(child, *complaints, sep="\n  ")
        assert MOST_LINES >= len(complaints)
        parts = Counter(re.findall(r"infrastructure_lost .*part=(\w+)", "\n".join(complaints)))
        assert {1} >= set(parts.values())


def test_nothing_is_left_of_outages(stack: Stack, outages: dict[str, Outage]) -> None:
    assert_nothing_is_left(stack)
