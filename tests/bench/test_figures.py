"""The arithmetic of a measurement: medians, ratios, percentiles, processor time."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from messaging.errors import Refused
from messaging.local.bench import (
    PARTS,
    BenchOptions,
    footprint,
    growth,
    memory,
    parts,
    promotion,
    run,
)
from messaging.local.bench.family import family
from messaging.local.bench.figures import Figure, Sample, Samples, percentile
from messaging.local.bench.processor import seconds_of, used
from messaging.local.bench.report import shown
from messaging.local.bench.site import tuned


def figure(ours: Sequence[float], other: Sequence[float], *, is_more_better: bool) -> Figure:
    return Figure(
        part="sending",
        name="texts",
        unit="/s",
        ours=ours,
        others={"other": other},
        is_more_better=is_more_better,
    )


@pytest.mark.parametrize(
    ("ours", "other", "is_more_better", "expected"),
    [
        ([100, 900, 300], [100], True, 3.0),
        ([2.0], [1.0, 8.0, 6.0], False, 3.0),
        ([20.0], [10.0], False, 0.5),
        ([1.0], [], True, None),
    ],
)
def test_the_ratio_says_how_many_times_better_the_median_is(
    ours: list[float], other: list[float], is_more_better: bool, expected: float | None
) -> None:
    assert expected == figure(ours, other, is_more_better=is_more_better).ratio("other")


def test_there_is_no_ratio_to_a_contender_that_took_no_part() -> None:
    assert None is figure([1.0], [1.0], is_more_better=True).ratio("another")


def test_samples_become_a_rate_and_a_cost_beside_each_contender() -> None:
    samples = Samples(
        ours=[Sample(rate=10, cpu=2)],
        others={"slow": [Sample(rate=5, cpu=8)], "quick": [Sample(rate=20, cpu=1)]},
    )
    rate, cost = samples.figures("sending", "message")
    assert ("messages a second", 2.0, 0.5) == (rate.name, rate.ratio("slow"), rate.ratio("quick"))
    assert ("CPU a message", 4.0, 0.5) == (cost.name, cost.ratio("slow"), cost.ratio("quick"))


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1), (0.991, 100)]
)
def test_a_percentile_is_one_of_the_values(share: float, expected: int) -> None:
    assert expected == percentile(range(100, 0, -1), share)


@pytest.mark.parametrize(
    ("time", "expected"),
    [("0:01.25", 1.25), ("12:34", 754), ("1:02:03", 3723), ("2-03:04:05", 183_845)],
)
def test_processor_time_is_read_as_ps_writes_it(time: str, expected: float) -> None:
    assert expected == seconds_of(time)


def test_a_family_is_a_process_with_everything_below_it() -> None:
    assert {2, 4, 5, 6} == family([2], {1: 0, 2: 1, 3: 1, 4: 2, 5: 4, 6: 2, 7: 3})


HOLD = "held = b'x' * 50_000_000\nprint(flush=True); input()"
"""A program that says when it has 50 MB, and waits."""


def test_memory_includes_children() -> None:
    command = [
        *(sys.executable, "-c"),
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        parent.stdout.readline()
        uses = footprint.uses()
        own, resident = (of([parent.pid], uses) for of in (footprint.own, footprint.resident))
        parent.communicate(b"\n")
    assert 50 < own <= resident < 200


def test_promotion_is_told_as_rows_a_second_and_as_what_all_rows_take() -> None:
    alone, beside, together = promotion.figures(3000, [0.5, 0.1, 0.2], [0.3])
    assert [6000, 30_000, 15_000] == list(alone.ours)
    assert [10_000] == list(beside.ours)
    assert ("all 3,000 rows", 200.0, "ms") == (together.name, together.median, together.unit)


def test_growth_is_told_with_few_rows_with_many_and_as_their_ratio() -> None:
    few = figure([100, 200, 300], [], is_more_better=True)
    many = figure([150], [], is_more_better=True)
    told = [(each.name, each.median, each.unit) for each in growth.compared(few, many, "900 rows")]
    assert [
        ("texts, few rows", 200, "/s"),
        ("texts, 900 rows", 150, "/s"),
        ("texts, 900 rows to few", 75.0, "%"),
    ] == told


def test_memory_is_told_early_and_late_and_as_growth_of_each_process() -> None:
    early, late = {"worker": 80.0, "beat": 50.0}, {"worker": 100.0, "beat": 49.0}
    told = [(each.name, each.median) for each in memory.figures(early, late, 100, 1000)]
    assert [
        ("worker, 100 messages", 80.0),
        ("worker, 1,000 messages", 100.0),
        ("worker, growth", 25.0),
        ("beat, 100 messages", 50.0),
        ("beat, 1,000 messages", 49.0),
        ("beat, growth", -2.0),
    ] == told


BURN = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True); input()"
"""A program that says when it has used 0.2 s, and waits."""
START = (
    f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])\nprint(flush=True)"
)
"""A program that runs it as its child, and says when that has ended."""


def test_processor_time_includes_children_that_run_and_that_have_ended() -> None:
    command = [sys.executable, "-c", f"{START}; input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin
        assert parent.stdout
        before = used([os.getpid()]) - used([parent.pid])
        parent.stdout.readline()
        running = used([parent.pid])
        assert running >= 0.2
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        parent.stdout.readline()
        ended = used([parent.pid])
        assert ended >= running - 0.02 if sys.platform == "linux" else ended > 0
        assert used([os.getpid()]) >= before + ended
        parent.stdin.write(b"\n")
        parent.stdin.flush()


@pytest.mark.parametrize(
    ("value", "expected"), [(12_345.6, "12,346"), (99.94, "99.9"), (4.567, "4.57"), (0.0, "0.00")]
)
def test_figures_are_shown_with_three_digits(value: float, expected: str) -> None:
    assert expected == shown(value)


@pytest.mark.parametrize(
    ("value", "unit", "expected"), [(1234.5, "/s", "1,234/s"), (12.34, "ms", "12.3 ms")]
)
def test_figures_are_shown_with_their_units(value: float, unit: str, expected: str) -> None:
    assert expected == shown(value, unit)


def test_what_takes_minutes_is_measured_on_demand_only() -> None:
    assert {"growth", "storage", "rules", "memory", "scaling", "hosts"} == set(PARTS) - set(
        BenchOptions().only
    )


def test_parts_are_chosen_by_name() -> None:
    assert ("idle", "sending") == parts("idle, sending")


@pytest.mark.parametrize("written", ["", ",", "sending,sleeping"])
def test_a_part_that_does_not_exist_is_refused(written: str) -> None:
    with pytest.raises(
        Refused, match=r"choose among sending, latency, .*, memory, scaling, hosts\."
    ):
        parts(written)


def test_a_report_that_could_not_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    with pytest.raises(Refused, match="There is no folder"):
        run(BenchOptions(latency=timedelta(0), report=tmp_path / "missing" / "bench.json"))
    with pytest.raises(Refused, match="There is no folder"):
        run(BenchOptions(latency=timedelta(0), chart=tmp_path / "missing" / "bench.svg"))


def test_a_chart_is_refused_where_nothing_is_measured_that_it_shows(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="--chart draws sending and latency"):
        run(BenchOptions(only=("idle",), chart=tmp_path / "bench.svg"))


def test_urgent_texts_are_refused_where_the_latency_is_not_measured() -> None:
    with pytest.raises(Refused, match="--urgent is a figure of the latency"):
        run(BenchOptions(only=("sending",), has_urgent=True))


def test_several_processes_are_refused_where_no_sides_are_compared() -> None:
    with pytest.raises(Refused, match="--processes is for sending and latency"):
        run(BenchOptions(only=("idle",), processes=2))


def test_only_settings_for_speed_are_taken_from_the_environment() -> None:
    given = {"MESSAGING_CHUNK": "20", "DATABASE_URL": "postgresql://example", "REDIS_URL": "x"}
    assert {"MESSAGING_CHUNK": "20"} == tuned(given)
