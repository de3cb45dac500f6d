"""The project's pages in Markdown: their headings, links, code and commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent

from tests.house.tree import files, shown

_FENCE = re.compile(r"^ *```.*?\n.*?^ *```", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`((?:[^`\n]|\n(?!\n))+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: its path from the root and its text."""

    path: str
    text: str

    @property
    def prose(self) -> str:
        """The text without code blocks."""
        return _FENCE.sub("", self.text)


def pages() -> list[Page]:
    """Every page of the project."""
    return [Page(path=shown(path), text=path.read_text(encoding="utf-8")) for path in files(".md")]


def links(page: Page) -> list[str]:
    """Targets of a page's links that do not leave the project."""
    found = _LINK.findall(_CODE.sub("", page.prose))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: Page) -> set[str]:
    """What a link may name behind `#`: the headings as GitHub spells them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(page.prose)
    }


def spans(page: Page) -> list[str]:
    """What stands between backticks in the page's prose, each on one line."""
    return [" ".join(code.replace("\\|", "|").split()) for code in _CODE.findall(page.prose)]


def blocks(page: Page, *languages: str) -> list[str]:
    """The page's code blocks in these languages; "" is for those that name none."""
    found = _BLOCK.findall(page.text)
    return [dedent(code) for _, language, code in found if language in languages]


def commands(page: Page, program: str) -> Iterator[list[str]]:
    """The words behind `program` wherever code of the page starts it."""
    lines = [line for block in blocks(page, "", "sh") for line in block.splitlines()]
    for code in [*lines, *spans(page)]:
        if match := re.match(rf" *(?:\$ )?(?:\S*/)?{program} (.+)", code):
            yield _words(match[1])


def _words(text: str) -> list[str]:
    plain = re.split(r" #| \||;|&&|…", text)[0]
    try:
        return shlex.split(plain)
    except ValueError:
        return plain.split()
