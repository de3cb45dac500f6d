"""The fixed times on the page of times are the program's constants."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import pytest

from messaging import brake, bridge, consumer, delivery, reconciliation, runs, upkeep
from messaging.domain import answers, doubt, outcome
from messaging.postgres.connect import OPTIONS
from messaging.redis import breaker
from messaging.settings import load
from messaging.steps import sending, settling
from messaging.twilio import classify, codes
from tests.house.tree import ROOT

_PAGE = (ROOT / "docs/reference/times.md").read_text(encoding="utf-8")
_UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}
_LEAST = {"DATABASE_URL": "postgresql://nobody@nowhere/nothing"}
_TIME = re.compile(r"(\d+(?:\.\d+)?) (ms|s|min|h)\b")


def lua(name: str) -> float:
    """A constant of the Lua scripts, in seconds."""
    scripts = sorted((ROOT / "messaging/redis").glob("*.lua"))
    text = "\n".join(script.read_text(encoding="utf-8") for script in scripts)
    (found,) = re.findall(rf"^local {name} = (\d+)", text, re.MULTILINE)
    return float(found) / 1e6


def beat(task: str) -> float:
    """How often a run repeats a task, in seconds."""
    (found,) = (run.told["every"] for run in runs.runs(load(_LEAST)) if run.task == task)
    return found


def longest_send() -> float:
    """What a send takes at most, in seconds."""
    settings = load(_LEAST)
    return settings.send_deadline + settings.connect_timeout + settings.read_timeout


FIXED: Mapping[str, Callable[[], Sequence[float | timedelta]]] = {
    "before its deadline": lambda: [sending._LEAST],
    "sweep for dead workers": lambda: [beat("sweep")],
    "a claim, or a look": lambda: [brake.FRESH, brake._EVERY],
    "lookup of texts in doubt": lambda: [beat("reconcile")],
    "lease of one lookup": lambda: [reconciliation._LEASE],
    "what a lookup told": lambda: [reconciliation._LONGEST],
    "next lookup after one": lambda: [reconciliation._AGAIN],
    "lease of the entry": lambda: [bridge._SHORT_LEASE],
    "a pending job without": lambda: [upkeep._ENTRY_MISSING_AFTER],
    "difference between": lambda: [doubt.CLOCK_SKEW],
    "an answer of Twilio is kept": lambda: [settling._LONGEST],
    "the probe of a worker": lambda: [longest_send() + breaker._SPARE.total_seconds()],
    "between two texts": lambda: [lua("TRIAL")],
    "a text that was refused": lambda: [codes.REFUSED_WAIT],
    "a text for which no connection": lambda: [classify.UNREACHABLE_WAIT],
    "a text that was claimed and got no slot": lambda: [answers.MISSED_WAIT],
    "leave and slots are given ahead": lambda: [lua("AHEAD"), lua("URGENT"), lua("BLOCK")],
    "a claimed text waits for a slot": lambda: [load(_LEAST).send_deadline],
    "an emptied Redis": lambda: [lua("URGENT") + lua("BLOCK")],
    "jobs are put off": lambda: [delivery._WITHOUT_REDIS],
    "tries to reach": lambda: [consumer._LONGEST_WAIT],
    "a dead Postgres": lambda: [30, OPTIONS["tcp_user_timeout"] / 1000],
}
"""The times that a row must begin with, by the words that it begins with."""


def row(words: str) -> str:
    """The time in the row of the table that begins so."""
    (found,) = re.findall(rf"^\| {re.escape(words)}[^|]*\| ([^|]+) \|", _PAGE, re.MULTILINE)
    return str(found)


@pytest.mark.parametrize("words", FIXED)
def test_a_fixed_time_is_the_programs(words: str) -> None:
    times = FIXED[words]()
    expected = [time.total_seconds() if isinstance(time, timedelta) else time for time in times]
    shown = [float(number) * _UNITS[unit] for number, unit in _TIME.findall(row(words))]
    assert pytest.approx(expected) == shown[: len(expected)]


def test_the_number_of_resends_is_the_programs() -> None:
    assert row("resends out of doubt").startswith(f"{outcome.MAX_RESENDS},")


def test_at_most_eight_are_looked_up_at_a_time() -> None:
    assert f"{reconciliation._AT_ONCE} at a time" in row("lookup of texts in doubt")
