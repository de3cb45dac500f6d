"""Tables of the pages have what the program has: no row is missing, and none is too many."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import typer

from messaging.commands.exits import ExitCode
from messaging.domain import alerts, comparison, plan
from messaging.domain.grammar import FILTERS
from messaging.domain.job import Status
from messaging.explanation import journal
from messaging.local.chaos.doubts import Doubts
from messaging.local.chaos.outcome import Done, Outcome
from messaging.local.chaos.recovery import Recovery
from messaging.local.simulator import Kind
from messaging.web import callbacks, inbound
from tests.house import mentions
from tests.house.environment import groups
from tests.house.pages import Page, blocks, pages, spans
from tests.house.processes import procfile
from tests.house.tree import ROOT, expect_none, product
from tests.lots import STACKS

Options = set[str]

FILTER = {"--status", "--code", "--since", "--until", "--user", "--lane"}
"""What `FILTER` stands for in the page of the command line."""
WITHOUT_A_JOB = {"put_back"}
"""Lines of the journal that belong to no message, so that nothing tells them of one."""
INTERRUPTED = 130


def page(path: str) -> Page:
    """The page at that path."""
    return next(page for page in pages() if page.path == path)


def section(path: str, heading: str) -> str:
    """What stands below a heading of a page, to the next one of its height."""
    level = heading.partition(" ")[0]
    _, _, after = page(path).text.partition(f"\n{heading}\n")
    assert after, f"{path} has no {heading}"
    return re.split(rf"^#{{1,{len(level)}}} ", after, flags=re.MULTILINE)[0]


def rows(text: str, column: int = 0) -> Iterator[str]:
    """The cells of one column of all tables in a text, without their heads."""
    for table in re.findall(r"^\|.*\n\|[-:| ]+\|\n((?:\|.*\n?)+)", text, re.MULTILINE):
        for line in table.splitlines():
            yield re.split(r"(?<!\\)\|", line)[column + 1].strip()


def named(text: str, column: int = 0) -> set[str]:
    """What stands in backticks in one column of all tables in a text."""
    return {name for cell in rows(text, column) for name in re.findall(r"`([^`]+)`", cell)}


def program() -> Any:
    """The command line."""
    from messaging.cli import app

    return typer.main.get_command(app)


def options(command: Any) -> Options:
    """The long names of a command's options."""
    return {name for option in command.params for name in option.opts if name.startswith("--")}


def usages() -> dict[str, Options]:
    """The options that the page of the command line gives each command, by its words."""
    found: dict[str, Options] = {}
    for text in re.split(r"^## ", page("docs/reference/command-line.md").text, flags=re.M)[1:]:
        everywhere = {name for code in spans(Page(path="", text=text)) for name in _options(code)}
        for line in re.findall(r"^`messaging .+", text, re.MULTILINE):
            for words, rest in re.findall(r"`messaging ((?:[a-z][a-z-]* ?)+)([^`]*)`", line):
                listed = everywhere if "[OPTIONS]" in rest else set(_options(rest))
                found[words.strip()] = listed | (FILTER if "FILTER" in rest else set())
    return found


def _options(code: str) -> list[str]:
    return re.findall(r"(?<![\w-])--[a-z-]+", code)


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words."""
    below = getattr(command, "commands", {})
    for name, one in below.items():
        yield from commands(one, (*words, name))
    if not below:
        yield " ".join(words), command


def calls(path: str, functions: set[str]) -> Iterator[str]:
    """The texts that these functions are called with first."""
    for module in product():
        if module.path.startswith(path):
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in functions:
                    yield from _first_text(node)


def _first_text(call: ast.Call) -> Iterator[str]:
    match call.args:
        case [ast.Constant(value=str(text)), *_]:
            yield text


def test_the_page_of_the_command_line_lists_every_command() -> None:
    text = page("docs/reference/command-line.md").text
    listed = set(re.findall(r"\[`([a-z]+)`\]\(#\1\)", text.partition("## Exit codes")[0]))
    assert set(program().commands) == listed


def test_the_page_of_the_command_line_has_every_commands_options_and_no_others() -> None:
    shown = usages()
    expect_none(
        f"messaging {words}: {sorted(shown.get(words, set()) ^ options(command))}"
        for words, command in commands(program())
        if shown.get(words) != options(command)
    )
    assert set() == shown.keys() - {words for words, _ in commands(program())}


@pytest.mark.parametrize("name", ["send", "bench", "chaos", "resolve"])
def test_a_table_of_options_has_them_all(name: str) -> None:
    cells = rows(section("docs/reference/command-line.md", f"## {name}"))
    shown = {option for cell in cells for option in _options(cell)}
    assert options(program().commands[name]) - {"--json"} == shown - {"--json"}


@pytest.mark.parametrize(("name", "least"), [("bench", 6), ("chaos", 3)])
def test_the_defaults_of_options_are_the_programs(name: str, least: int) -> None:
    text = section("docs/reference/command-line.md", f"## {name}")
    usual = {
        option.opts[0]: f"{option.default:g}"
        if isinstance(option.default, float)
        else option.default
        for option in program().commands[name].params
    }
    told: dict[str, str] = {}
    for cell, said in zip(rows(text), rows(text, 1), strict=True):
        if numbers := re.findall(r"\((\d+)\)", said):
            told |= zip(_options(cell)[-len(numbers) :], numbers, strict=True)
    assert least <= len(told)
    expect_none(f"{one} is {usual[one]}" for one in told if str(usual[one]) != told[one])


def test_the_page_of_messaging_up_has_its_options() -> None:
    shown = {cell.split(" ")[0] for cell in named(section("docs/reference/up.md", "## Options"))}
    assert options(program().commands["up"]) == shown


def test_the_exit_codes_are_the_programs() -> None:
    shown = {int(cell) for cell in rows(section("docs/reference/command-line.md", "## Exit codes"))}
    assert {*ExitCode, INTERRUPTED} == shown


def test_every_part_that_check_looks_at_is_on_its_page() -> None:
    tellers = {"ok", "warning", "trouble", "skipped", "_takers", "Finding"}
    looked = set(calls("messaging/commands/check", tellers))
    assert looked == named(section("docs/reference/command-line.md", "## check"))


def test_every_kind_of_line_in_the_journal_is_on_the_page() -> None:
    shown = named(section("docs/reference/sql.md", "## Look"))
    assert {*journal._KINDS, *WITHOUT_A_JOB} == shown


def test_every_answer_of_a_function_is_in_the_sql() -> None:
    sql = "\n".join(path.read_text("utf-8") for path in (ROOT / "migrations").glob("*.sql"))
    text = page("docs/reference/sql.md").text
    tables = re.findall(r"^\| answer \| meaning \|\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    answers = [name for rows in tables for name in re.findall(r"`(\w+)`", "\n".join(_first(rows)))]
    assert len(answers) > 20
    expect_none(name for name in answers if f"'{name}'" not in sql)


def _first(table: str) -> list[str]:
    return [line.split("|")[1] for line in table.splitlines()]


def test_the_metrics_are_the_programs() -> None:
    shown = {
        name: frozenset(labels.split(",")) if labels else frozenset()
        for name, labels in re.findall(
            r"^\| `(messaging_\w+)(?:\{([\w,]+)\})?`",
            section("docs/reference/http.md", "## GET /metrics"),
            re.MULTILINE,
        )
    }
    assert mentions.metrics() == shown


def test_the_addresses_are_the_programs() -> None:
    shown = set(re.findall(r"^## (?:GET|POST) (\S+)$", page("docs/reference/http.md").text, re.M))
    shown |= {"/healthz"} & set(re.findall(r"`(/\w+)`", page("docs/reference/http.md").text))
    routes = set(calls("messaging/web/app.py", {"app.add_route"}))
    assert {*routes, callbacks.PATH, inbound.PATH} == shown


def test_the_alerts_are_the_programs_and_have_their_settings() -> None:
    text = section("docs/how-to/alerts.md", "## Each alert")
    assert set(alerts.Name) == named(text)
    known = {setting.names[0] for listed in groups().values() for setting in listed}
    shown = {f"MESSAGING_ALERT_{name}" for name in named(text, 1)}
    others = {"PATIENCE", "CALM", "WEBHOOK_URL", "WEBHOOK_SECRET", "COMMAND"}
    expected = {name for name in known if name.startswith("MESSAGING_ALERT_")}
    assert expected - {f"MESSAGING_ALERT_{name}" for name in others} == shown


def test_the_reasons_of_a_plan_are_the_programs() -> None:
    text = section("docs/how-to/plan-a-campaign.md", "## What it says")
    assert set(plan.Why) == named(text)
    told = section("docs/reference/command-line.md", "## plan").split("by reason:")[1]
    assert set(plan.Why) == set(re.findall(r"`(\w+)`", told.partition(";")[0]))


def test_the_findings_of_a_comparison_are_the_programs() -> None:
    text = section("docs/how-to/after-a-restore.md", "## What it takes for one text")
    assert set(comparison.Kind) == {re.findall(r"`(\w+)`", cell)[0] for cell in rows(text)}


def test_the_filters_of_templates_are_the_programs() -> None:
    shown = set(re.findall(r"\{\{ \w+\\\|(\w+)", page("docs/reference/templates.md").text))
    assert shown <= set(FILTERS)
    expect_none(name for name in FILTERS if name not in page("docs/reference/templates.md").text)


def test_the_faults_of_the_simulator_are_the_programs() -> None:
    text = section("docs/reference/simulator.md", "## Faults")
    tables = re.findall(r"^\| kind \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    shown = [name for table in tables for cell in _first(table) for name in cell.split("`")[1:2]]
    assert sorted(Kind) == sorted(shown)


def test_the_options_of_the_simulator_are_the_programs() -> None:
    spoken = mentions.constants()["messaging.local.simulator.__main__"]
    known = {text for text in spoken if re.fullmatch(r"--[a-z-]+", text)}
    text = section("docs/reference/simulator.md", "## Start it")
    assert known == set(re.findall(r"--[a-z-]+", " ".join(rows(text))))


@pytest.mark.parametrize(
    ("path", "heading"),
    [("docs/architecture.md", "## Processes"), ("docs/how-to/deploy.md", "# How to deploy")],
)
def test_the_processes_are_those_of_the_procfile(path: str, heading: str) -> None:
    text = page(path).text.partition(heading)[2].partition("\n## ")[0]
    assert set(procfile()) == named(text)


def test_the_unit_of_systemd_runs_what_the_procfile_runs() -> None:
    (unit,) = re.findall(
        r"^ExecStart=(.+?)\n(?!    )", page("docs/how-to/deploy.md").text, re.M | re.S
    )
    words = unit.replace("\\\n", " ").replace("%%h", "%h").split()
    expected = procfile()["worker"]
    for ours, theirs in (("${WORKER_CONCURRENCY:-16}", "16"), ("$$@", "%i@")):
        expected = expected.replace(ours, theirs)
    assert expected.split() == [words[0].rpartition("/")[2], *words[1:]]


def test_the_folders_of_tests_and_their_stacks_are_there() -> None:
    text = section("docs/how-to/test.md", "## What is where")
    there = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert {f"tests/{name}" for name in there} == named(text)
    stacks = section("docs/how-to/test.md", "## The whole service as processes")
    assert set(STACKS) == named(stacks)


def test_each_status_says_why_a_text_has_not_arrived() -> None:
    text = page("docs/how-to/find-out-why.md").text
    told = {name for cell in rows(text) for name in re.findall(r"^`(\w+)`", cell)}
    assert set(Status) == told


def test_the_statuses_of_the_glossary_are_the_programs() -> None:
    shown = named(section("docs/glossary.md", "## Statuses of a job"))
    assert set(Status) <= shown


def test_the_document_of_chaos_has_the_names_of_its_outcome() -> None:
    listed = section("docs/reference/command-line.md", "## chaos").partition("JSON, and")[2]
    told = set(re.findall(r"`(\w+)`", listed))
    inside = {field.name for kind in (Recovery, Doubts, Done) for field in fields(kind)}
    assert {field.name for field in fields(Outcome)} <= told
    assert told <= {field.name for field in fields(Outcome)} | inside


@pytest.mark.parametrize(
    ("path", "heading", "module", "name"),
    [
        ("docs/how-to/alerts.md", "## What is told", "messaging/alerting.py", "advice"),
        ("docs/reference/http.md", "## GET /readyz", "messaging/web/app.py", "ready"),
    ],
)
def test_a_document_has_the_names_that_the_program_writes(
    path: str, heading: str, module: str, name: str
) -> None:
    (block,) = blocks(Page(path=path, text=section(path, heading)), "json")
    (source,) = (one for one in product() if one.path == module)
    written = [
        {key.value for key in node.keys if isinstance(key, ast.Constant)}
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Dict)
    ]
    assert [set(json.loads(block))] == [names for names in written if name in names]
