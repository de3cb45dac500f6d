"""A whole measurement, as small as it can be: what it finds, and that it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from messaging.local.bench import PARTS
from messaging.local.process import is_running, wait_until

_SMALL = """
import sys
from datetime import timedelta
from pathlib import Path
from messaging.local.bench import BenchOptions, run
from tests.bench.test_bench import EVERYWHERE
sys.exit(run(BenchOptions(
    messages=10, latency=timedelta(0), runs=1, idle=timedelta(seconds=1), report=Path(sys.argv[1]),
    has_urgent=True, backlog=200, only=EVERYWHERE, rows=500, workers=(1, 2),
    chart=Path(sys.argv[2]), processes=2,
)))
"""
_LIMIT = 15.0
EVERYWHERE = tuple(part for part in PARTS if part != "hosts")
"""Parts that every machine can measure."""
COMPARED = {
    name: {"plain Celery", "no Celery"}
    for name in (
        "sending: messages a second",
        "sending: CPU a message",
        "latency: to the request, p50",
        "latency: to the request, p99",
    )
}
"""Figures, and those that took part beside us."""


class Bench:
    """A measurement that runs as a process of its own."""

    def __init__(self, folder: Path, script: str = _SMALL) -> None:
        self.report = folder / "report.json"
        self.chart = folder / "chart.svg"
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(self.report), str(self.chart)],
            env={**os.environ, "TMPDIR": str(folder), "DATABASE_URL": "postgresql://somebody/else"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.seen: dict[int, str] = {}

    def lines(self) -> Iterator[str]:
        """What it says as it goes on; with each line its processes are noted."""
        errors: IO[str] = self.process.stderr  # type: ignore[assignment]
        for line in errors:
            self.seen |= below(self.process.pid)
            yield line

    def end(self) -> tuple[int, str]:
        """Its exit code and its table, once it has ended."""
        table, _ = self.process.communicate()
        return self.process.returncode, table


@pytest.fixture
def bench(folder: Path) -> Iterator[Bench]:
    started = Bench(folder)
    yield started
    started.process.send_signal(signal.SIGINT)
    started.process.communicate()


def below(pid: int) -> dict[int, str]:
    """Every process that descends from this one, and its command."""
    shown = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True
    )
    rows = [line.split(maxsplit=2) for line in shown.stdout.splitlines()]
    pairs = [(int(child), int(parent)) for child, parent, *_ in rows]
    found = {pid}
    while more := {child for child, parent in pairs if parent in found} - found:
        found |= more
    return {int(row[0]): row[-1] for row in rows if int(row[0]) in found - {pid}}


def assert_nothing_is_left(bench: Bench, folder: Path) -> None:
    assert len(bench.seen) > 5
    assert wait_until(lambda: not any(map(is_running, bench.seen)), limit=_LIMIT)
    assert [] == list(folder.glob("messaging-*"))


def test_a_small_measurement_finds_every_figure_and_leaves_nothing(
    bench: Bench, folder: Path
) -> None:
    said = "".join(bench.lines())
    code, table = bench.end()
    assert 0 == code, said
    found = json.loads(bench.report.read_text())
    assert set(EVERYWHERE) == {figure["part"] for figure in found["figures"]}
    assert [] == [
        figure
        for figure in found["figures"]
        if figure["median"] <= 0 and not (figure["part"] == "memory" and figure["unit"] == "%")
    ]
    assert COMPARED == {
        f"{figure['part']}: {figure['name']}": set(figure["others"])
        for figure in found["figures"]
        if figure["others"]
    }
    ratios = [
        other["times_better"] for figure in found["figures"] for other in figure["others"].values()
    ]
    assert [] == [ratio for ratio in ratios if ratio <= 0]
    names = [f"{figure['part']}: {figure['name']}" for figure in found["figures"]]
    assert "latency: urgent, p50" in names
    assert {
        "promotion: rows, as many for next month",
        "growth: messages a second, 500 rows",
        "growth: to the request, p99, few rows",
        "storage: claim 1,000, 500 rows",
        "storage: CPU a message, deleting",
        "rules: messages a second, every rule to default",
        "memory: Postgres, growth",
        "scaling: messages a second, 2 workers",
    } <= set(names)
    assert [] == [name for name in names if name not in table]
    assert 4 == bench.chart.read_text().count('class="title"')
    assert "BullMQ and graphile-worker are left out: " in said
    assert "procrastinate is left out: --peers lets it take part." in said
    modules = " ".join(bench.seen.values())
    assert "messaging.local.bench.standin" in modules
    assert "messaging.local.simulator" not in modules
    assert 2 == found["processes"]
    assert 2 == len([command for command in bench.seen.values() if " plain-celery" in command])
    assert 2 == len([command for command in bench.seen.values() if "bench.sender" in command])
    assert_nothing_is_left(bench, folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_measurement_that_is_stopped_leaves_nothing(
    bench: Bench, folder: Path, number: signal.Signals
) -> None:
    assert any("warming up" in line for line in bench.lines())
    bench.process.send_signal(number)
    assert 130 == bench.end()[0]
    assert_nothing_is_left(bench, folder)
