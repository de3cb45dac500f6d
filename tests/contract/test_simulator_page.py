"""The simulator's reference page tells of everything that the simulator has."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from messaging.local.simulator import Config, Kind, Match, Rule
from messaging.local.simulator.__main__ import configure
from messaging.local.simulator.admin import calls
from messaging.local.simulator.rules import Call

PAGE = (Path(__file__).parents[2] / "docs/reference/simulator.md").read_text(encoding="utf-8")


def told(*, before: str, after: str) -> set[str]:
    """The words in backquotes in one part of the page, apart from its examples."""
    part = PAGE[PAGE.index(before) : PAGE.index(after)]
    prose = re.sub(r"```.*?```", "", part, flags=re.DOTALL)
    return set(re.findall(r"`([^`]+)`", prose))


def test_every_fault_kind_is_told() -> None:
    assert set() == set(Kind) - told(before="## Faults", after="## The admin API")


def test_every_field_of_a_rule_is_told() -> None:
    names = {one.name for kind in (Rule, Match) for one in fields(kind)} | set(Call)
    assert set() == names - told(before="## Faults", after="## The admin API")


def test_every_setting_is_told() -> None:
    names = {one.name for one in fields(Config)}
    assert set() == names - told(before="## Settings", after="## The ledger file")


def test_every_admin_call_is_told() -> None:
    assert set() == set(calls()) - told(before="## The admin API", after="## Settings")


def test_every_option_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        configure(["--help"], {})
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    shown = set(re.findall(r"--[a-z-]+", PAGE))
    assert set() == options - shown
