"""What a report says of every contender: in a table for people, in JSON for machines."""

import json
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from messaging.local.bench import BenchOptions, report
from messaging.local.bench.figures import Figure

OTHERS = ("plain Celery", "no Celery", "BullMQ", "graphile-worker", "procrastinate")
COMPARED = Figure(
    part="sending",
    name="messages a second",
    unit="/s",
    ours=[12_000, 12_400],
    others={name: [24_400.0] for name in OTHERS},
)
ALONE = Figure(part="enqueue", name="rows by enqueue_many", unit="/s", ours=[9_700])
MACHINE = report.Machine(
    system="Linux", cores=2, load=0.1, python="3.11", postgres="18", packages={"undici": "7"}
)


def drawn(*figures: Figure) -> list[str]:
    """The lines of the table, as a pipe gets them."""
    console = Console(width=report.WIDTH)
    with console.capture() as captured:
        console.print(report.table(figures))
    return captured.get().splitlines()


def test_a_table_with_every_contender_fits() -> None:
    lines = drawn(ALONE, COMPARED)
    assert max(map(len, lines)) <= report.WIDTH
    assert [] == [line for line in lines if "…" in line]
    (heading,) = (line.split("  ") for line in lines if "messaging" in line and "times" not in line)
    assert ["messaging", *OTHERS] == [word.strip() for word in heading if word.strip()]


def test_a_long_title_goes_on_in_the_next_line() -> None:
    name = "a figure that needs more words, with 1,000,000 rows in the table"
    lines = drawn(Figure(part="growth", name=name, unit="ms", ours=[1.0]), COMPARED)
    assert max(map(len, lines)) <= report.WIDTH
    text = " ".join(" ".join(line[: line.find("  ", 1)] for line in lines).split())
    assert "in the table" in text


def test_the_ratio_stands_below_the_figure_that_it_is_to() -> None:
    lines = drawn(COMPARED)
    place = next(i for i, line in enumerate(lines) if "sending: messages a second" in line)
    assert ["12,200/s", *["24,400/s"] * 5] == lines[place].split()[-6:]
    assert ["0.50", "x"] * 5 == lines[place + 1].split()


def test_columns_are_only_there_for_those_that_took_part() -> None:
    assert [] == [line for line in drawn(ALONE) if "Celery" in line or "times better" in line]


def test_the_json_lists_every_contender_by_name(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    began = datetime(2026, 11, 24, tzinfo=UTC)
    report.write(file, [ALONE, COMPARED], MACHINE, began, BenchOptions(runs=2, processes=4))
    written = json.loads(file.read_text())
    assert (2, 4) == (written["runs"], written["processes"])
    compared, alone = written["figures"]
    assert (12_200, [12_000, 12_400]) == (compared["median"], compared["runs"])
    theirs = {"median": 24_400, "runs": [24_400], "times_better": 0.5}
    assert dict.fromkeys(OTHERS, theirs) == compared["others"]
    assert {} == alone["others"]
