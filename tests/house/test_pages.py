"""The pages tell the truth: links lead somewhere, commands and tests that they name are there."""

import re
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path
from typing import Any

import pytest
import typer

from messaging.domain.job import Status
from tests.house import tree
from tests.house.pages import Page, anchors, commands, links, pages
from tests.house.tree import ROOT, expect_none


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a command line understands: options and commands by their names."""

    options: frozenset[str]
    commands: dict[str, "Program"]
    passes_on: bool
    """Whether it hands options that it does not know to another program."""


def understood(command: Any) -> Program:
    """What a command of Typer's understands."""
    return Program(
        options=frozenset(
            name for option in command.params for name in option.opts + option.secondary_opts
        ),
        commands={
            name: understood(below) for name, below in getattr(command, "commands", {}).items()
        },
        passes_on=bool(command.context_settings.get("ignore_unknown_options")),
    )


def page(path: str) -> Page:
    """The page at that path."""
    return next(page for page in pages() if page.path == path)


def broken_links(of: Page, everything: list[Page], root: Path) -> list[str]:
    """Links of a page to files or headings that are not there."""
    return [
        f"{of.path}: {target}" for target in links(of) if not _leads(of, target, everything, root)
    ]


def _leads(of: Page, target: str, everything: list[Page], root: Path) -> bool:
    path, _, anchor = target.partition("#")
    found = (root / of.path).parent.joinpath(path).resolve() if path else root / of.path
    if not found.exists():
        return False
    there = [other for other in everything if root / other.path == found]
    return not anchor or any(anchor in anchors(other) for other in there)


def unknown_commands(of: Page, program: Program) -> list[str]:
    """Uses of `messaging` on a page that the command line would refuse."""
    return [
        f"{of.path}: messaging {' '.join(words)}"
        for words in commands(of, "messaging")
        if not _is_accepted(program, words)
    ]


def _is_accepted(program: Program, words: list[str]) -> bool:
    if program.commands and words and not words[0].startswith("-"):
        command = program.commands.get(words[0])
        return command is not None and _is_accepted(command, words[1:])
    used = {word.split("=")[0].strip("[]") for word in words if word.strip("[]").startswith("-")}
    return program.passes_on or used <= program.options | {"--help"}


def test_every_link_leads_somewhere() -> None:
    everything = pages()
    expect_none(finding for of in everything for finding in broken_links(of, everything, ROOT))


def reached(start: str, everything: list[Page]) -> set[str]:
    """The pages to which links lead from a page, and from those, and so on."""
    known = {page.path: page for page in everything}
    found, waiting = set[str](), [start]
    while waiting:
        path = waiting.pop()
        if path in known and path not in found:
            found.add(path)
            folder = Path(path).parent
            waiting += [
                normpath(folder / target.partition("#")[0]) for target in links(known[path])
            ]
    return found


def test_every_page_is_reached_from_the_readme() -> None:
    everything = pages()
    known = reached("README.md", everything)
    of_a_folder = "docs/decisions/"  # which is linked as a whole
    expect_none(
        page.path
        for page in everything
        if page.path not in known and not page.path.startswith(of_a_folder)
    )


def test_every_command_on_a_page_is_one_of_the_program() -> None:
    from messaging.cli import app

    program = understood(typer.main.get_command(app))
    expect_none(finding for of in pages() for finding in unknown_commands(of, program))


def test_every_command_that_starts_elsewhere_is_one_of_the_program() -> None:
    from messaging.cli import app

    program = understood(typer.main.get_command(app))
    code = "\n".join(
        (ROOT / name).read_text("utf-8") for name in ("Makefile", "docker-compose.yml")
    )
    started = re.findall(r"(?:bin/|command: )messaging ([a-z]+)", code)
    assert len(started) > 3
    expect_none(f"messaging {name}" for name in started if name not in program.commands)


def test_every_make_target_on_a_page_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    expect_none(
        f"{of.path}: make {words[0]}"
        for of in pages()
        for words in commands(of, "make")
        if words[0] not in targets
    )


def test_the_readme_shows_the_two_commands_that_do_everything() -> None:
    shown = {words[0] for words in commands(page("README.md"), "make")}
    assert {"up", "test"} <= shown


def test_every_test_that_a_page_names_is_there() -> None:
    there = {
        name for module in tree.tests() for name in re.findall(r"def (test_\w+)", module.source)
    }
    expect_none(
        f"{of.path}: {name}"
        for of in pages()
        for name in re.findall(r"\b(test_\w+)\b(?!\.py)", of.text)
        if name not in there
    )


def test_the_changelog_begins_with_what_is_not_released_yet() -> None:
    headings = re.findall(r"^## (.+)$", page("CHANGELOG.md").text, re.MULTILINE)
    assert "Unreleased" == headings[0].strip("[]")


def test_the_glossary_explains_every_status() -> None:
    text = page("docs/glossary.md").text
    expect_none(status for status in Status if f"| `{status}` |" not in text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[x](b.md)", []),
        ("[x](b.md#a-heading)", []),
        ("[x](b.md#another)", ["docs/a.md: b.md#another"]),
        ("[x](c.md)", ["docs/a.md: c.md"]),
        ("[x](#here)\n## Here", []),
        ("[x](https://example.com/c.md)", []),
        ("`[x](c.md)`", []),
        ("```\n[x](c.md)\n```", []),
    ],
)
def test_a_link_that_leads_nowhere_is_found(text: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    a, b = Page(path="docs/a.md", text=text), Page(path="docs/b.md", text="# A `heading`?")
    for made in (a, b):
        (tmp_path / made.path).write_text(made.text)
    assert expected == broken_links(a, [a, b], tmp_path)


def test_a_page_to_which_nothing_leads_is_found() -> None:
    texts = {"a.md": "[b](docs/b.md#x)", "docs/b.md": "[a](../a.md)", "docs/c.md": "[b](b.md)"}
    everything = [Page(path=path, text=text) for path, text in texts.items()]
    assert {"a.md", "docs/b.md"} == reached("a.md", everything)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`messaging show ID --json`", 0),
        ("`messaging shew ID`", 1),
        ("`messaging show ID --jason`", 1),
        ("```\n$ messaging show 1 | less\nmessaging hide  # gone\n```", 1),
        ("the messaging service", 0),
        ("`.venv/bin/messaging hide`", 1),
    ],
)
def test_a_command_that_the_program_lacks_is_found(text: str, expected: int) -> None:
    app = typer.Typer()

    @app.command()
    def show(id: str, json: bool = False) -> None: ...

    @app.callback()
    def of_all_commands() -> None: ...

    program = understood(typer.main.get_command(app))
    assert expected == len(unknown_commands(Page(path="a.md", text=text), program))
