"""A measurement against an earlier one: what is better, what is worse, and what is too much."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from messaging.errors import Refused
from messaging.local.bench import BenchOptions, against, report, run
from messaging.local.bench.figures import Figure

MACHINE = report.Machine(
    system="Linux", cores=2, load=0.1, python="3.11", postgres="18", packages={}
)


def rate(ours: float, theirs: float | None = None) -> Figure:
    """Of which more is better."""
    others = {"plain Celery": [theirs]} if theirs else {}
    return Figure(part="sending", name="messages a second", unit="/s", ours=[ours], others=others)


def cost(ours: float, theirs: float) -> Figure:
    """Of which less is better."""
    others = {"plain Celery": [theirs]}
    return Figure(
        part="sending",
        name="CPU a message",
        unit="ms",
        ours=[ours],
        others=others,
        is_more_better=False,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the earlier report is."""
    return tmp_path / "earlier.json"


def saved(file: Path, *figures: Figure) -> against.Earlier:
    """A report that was written, and is read again."""
    report.write(file, figures, MACHINE, datetime(2026, 11, 24, tzinfo=UTC), BenchOptions())
    return against.read(file)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (rate(1000, 200), rate(1500, 200), ["50 % better", "50 % better"]),
        (rate(1000, 200), rate(500, 100), ["50 % worse", "the same"]),
        (rate(1000, 200), rate(1000, 400), ["the same", "50 % worse"]),
        (cost(0.5, 4.0), cost(1.0, 4.0), ["50 % worse", "50 % worse"]),
        (cost(0.5, 4.0), cost(0.25, 2.0), ["100 % better", "the same"]),
        (rate(1000), rate(1000, 400), ["the same"]),
        (rate(1000, 400), rate(1000), ["the same"]),
        (rate(1000, 400), cost(1, 1), []),
        (rate(0), rate(1000), []),
        (rate(-2), rate(1000), []),
        (rate(1000), rate(-2), []),
    ],
)
def test_each_figure_and_each_ratio_is_compared_with_what_it_was(
    before: Figure, now: Figure, expected: list[str], file: Path
) -> None:
    found = against.changes([now], saved(file, before))
    assert expected == [change.words for change in found]


@pytest.mark.parametrize(
    ("now", "tolerance", "is_worse"),
    [
        (rate(800, 200), 0.2, False),
        (rate(799, 200), 0.2, True),
        (rate(799, 200), 0.3, False),
        (rate(100, 20), 0.2, False),
        (rate(1000), 0.2, False),
        (rate(2000, 200), 0.0, False),
    ],
)
def test_only_a_ratio_that_is_worse_by_more_than_the_tolerance_counts(
    now: Figure, tolerance: float, is_worse: bool, file: Path
) -> None:
    found = against.changes([now], saved(file, rate(1000, 200)))
    assert is_worse == (against.verdict(found, tolerance) is not None)


def test_the_verdict_names_the_ratio_and_what_it_was(file: Path) -> None:
    found = against.changes([rate(500, 200)], saved(file, rate(1000, 200)))
    assert (
        "sending: messages a second, beside plain Celery: 50 % worse, 5.00 x before and 2.50 x now."
    ) == against.verdict(found, 0.2)


def test_other_messages_another_latency_and_more_processes_are_pointed_out(file: Path) -> None:
    earlier = saved(file, rate(1000))
    assert None is earlier.other_conditions(BenchOptions())
    assert "of 3,000 messages at 100 ms" in (
        earlier.other_conditions(BenchOptions(messages=20)) or ""
    )
    assert "with 1 process a side, this one of 3,000 messages at 100 ms with 2 processes" in (
        earlier.other_conditions(BenchOptions(processes=2)) or ""
    )


def test_a_report_from_before_there_was_a_choice_is_of_one_process(file: Path) -> None:
    saved(file, rate(1000))
    content = json.loads(file.read_text())
    del content["processes"]
    file.write_text(json.dumps(content))
    assert 1 == against.read(file).processes


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read"),
        ("", "is no report"),
        ("[]", "is no report"),
        ('{"messages": 1, "latency_ms": 0, "figures": [{"part": "idle"}]}', r"figures\.0\.name"),
    ],
)
def test_a_file_that_is_no_report_is_refused_before_anything_is_measured(
    content: str | None, complaint: str, file: Path
) -> None:
    if content is not None:
        file.write_text(content)
    with pytest.raises(Refused, match=complaint):
        run(BenchOptions(against=file))
