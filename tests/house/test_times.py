"""The fixed times on the page of times are the program's constants."""

import re
from datetime import timedelta

import pytest

from messaging import brake, bridge, consumer, delivery, reconciliation, upkeep
from messaging.domain import answers, doubt, outcome
from messaging.postgres.connect import OPTIONS
from messaging.redis import breaker
from messaging.settings import Settings, load
from messaging.steps import sending, settling
from messaging.twilio import classify, codes
from tests.house.tree import ROOT

_PAGE = (ROOT / "docs/reference/times.md").read_text(encoding="utf-8")
_UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}
_TIME = re.compile(r"(\d+(?:\.\d+)?) (ms|s|min|h)\b")


def lua(script: str, name: str) -> float:
    """A constant of a Lua script, in seconds."""
    text = (ROOT / "messaging/redis" / script).read_text(encoding="utf-8")
    (found,) = re.findall(rf"^local {name} = (\d+)", text, re.MULTILINE)
    return float(found) / 1e6


def beat(task: str) -> float:
    """How often a run of beat's repeats a task, in seconds."""
    schedule = (ROOT / "celeryconfig.py").read_text(encoding="utf-8")
    (found,) = re.findall(rf'_every\((\d+), "{task}"\)', schedule)
    return float(found)


def _longest_send(settings: Settings) -> float:
    return settings.send_deadline + settings.connect_timeout + settings.read_timeout


def fixed() -> dict[str, list[float | timedelta]]:
    """The times that a row must begin with, by the words that it begins with."""
    settings = load({"DATABASE_URL": "postgresql://nobody@nowhere/nothing"})
    ahead, urgent, block = (lua("throttle.lua", name) for name in ("AHEAD", "URGENT", "BLOCK"))
    return {
        "before its deadline": [sending._LEAST],
        "sweep for dead workers": [beat("sweep")],
        "a claim, or a look": [brake.FRESH, brake._EVERY],
        "lookup of texts in doubt": [beat("reconcile")],
        "lease of one lookup": [reconciliation._LEASE],
        "what a lookup told": [reconciliation._LONGEST],
        "next lookup after one": [reconciliation._AGAIN],
        "lease of the entry": [bridge._SHORT_LEASE],
        "a pending job without": [upkeep._ENTRY_MISSING_AFTER],
        "difference between": [doubt.CLOCK_SKEW],
        "an answer of Twilio is kept": [settling._LONGEST],
        "the probe of a worker": [_longest_send(settings) + breaker._SPARE.total_seconds()],
        "between two texts": [lua("gate.lua", "TRIAL")],
        "a text that was refused": [codes.REFUSED_WAIT],
        "a text for which no connection": [classify.UNREACHABLE_WAIT],
        "a text that missed its slot": [answers.MISSED_WAIT],
        "slots are granted ahead": [ahead, urgent, block],
        "a text is claimed before": [lua("throttle.lua", "LEAD")],
        "an emptied Redis": [urgent + block],
        "jobs are put off": [delivery._WITHOUT_REDIS],
        "tries to reach": [consumer._LONGEST_WAIT],
        "a dead Postgres": [30, OPTIONS["tcp_user_timeout"] / 1000],
    }  # fmt: skip


def row(words: str) -> str:
    """The time in the row of the table that begins so."""
    (found,) = re.findall(rf"^\| {re.escape(words)}[^|]*\| ([^|]+) \|", _PAGE, re.MULTILINE)
    return str(found)


@pytest.mark.parametrize("words", fixed())
def test_a_fixed_time_is_the_programs(words: str) -> None:
    expected = [
        time.total_seconds() if isinstance(time, timedelta) else time for time in fixed()[words]
    ]
    shown = [float(number) * _UNITS[unit] for number, unit in _TIME.findall(row(words))]
    assert pytest.approx(expected) == shown[: len(expected)]


def test_the_number_of_resends_is_the_programs() -> None:
    assert row("resends out of doubt").startswith(f"{outcome.MAX_RESENDS},")


def test_at_most_eight_are_looked_up_at_a_time() -> None:
    assert f"{reconciliation._AT_ONCE} at a time" in row("lookup of texts in doubt")
