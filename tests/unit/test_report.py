"""A report is opened in a spreadsheet: nothing in it is calculated."""

import csv
from pathlib import Path

import pytest

from messaging.commands.report import opened


@pytest.mark.parametrize(
    "cell",
    [
        "=cmd|' /C calc'!A0",
        "+1+cmd|' /C calc'!A0",
        "+14155552671=1",
        "-2+3",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
    ],
)
def test_what_a_spreadsheet_would_calculate_is_text(tmp_path: Path, cell: str) -> None:
    assert [["a"], [f"'{cell}"]] == written(tmp_path / "report.csv", cell)


@pytest.mark.parametrize("cell", ["+14155552671", "+1415*****71", "Hello = 1", "a\n=1", "'=1"])
def test_all_else_stays_as_it_is(tmp_path: Path, cell: str) -> None:
    assert cell == written(tmp_path / "report.csv", cell)[1][0]


def written(path: Path, cell: object) -> list[list[str]]:
    """What the report holds of one cell."""
    with opened(path, ["a"]) as report:
        report.write([[cell]])
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))
