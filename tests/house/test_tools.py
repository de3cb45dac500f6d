"""The linter, the formatter and the type checker have nothing to say."""

import subprocess
import sys

import pytest

from tests.house.tree import ROOT


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "--quiet"], ["ruff", "format", "--check", "--diff", "--quiet"], ["mypy"]],
    ids=["ruff_check", "ruff_format", "mypy_strict"],
)
def test_the_tools_find_nothing(command: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        pytest.fail(run.stdout + run.stderr, pytrace=False)
