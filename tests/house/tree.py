"""The project's own files, read and parsed once, for the tests that judge them."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_NOT_OURS = {".git", ".venv", "data", "build", "dist", "node_modules"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A Python file: its path from the root, its dotted name, its text and its syntax tree."""

    path: str
    name: str
    source: str
    tree: ast.Module


def parse(source: str, path: str = "messaging/example.py") -> Module:
    """A module as if `source` stood in `path`."""
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return Module(path=path, name=name, source=source, tree=ast.parse(source, path))


def files(*endings: str) -> list[Path]:
    """Every file of the project whose name ends so, without what tools and users put there."""
    found = (path for path in _walk(ROOT) if path.name.endswith(endings))
    return sorted(found)


def shown(path: Path) -> str:
    """A path as findings name it: from the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def product() -> tuple[Module, ...]:
    """The modules that are installed: `messaging` and `celeryconfig`."""
    inside = [path for path in files(".py") if path.is_relative_to(ROOT / "messaging")]
    return tuple(_read(path) for path in [*inside, ROOT / "celeryconfig.py"])


@cache
def tests() -> tuple[Module, ...]:
    """The modules below `tests`."""
    return tuple(_read(path) for path in files(".py") if path.is_relative_to(ROOT / "tests"))


def expect_none(findings: Iterable[str]) -> None:
    """Fails with a line a finding, all of them, where there are any."""
    if lines := list(findings):
        pytest.fail("\n".join(lines), pytrace=False)


def definitions(module: Module) -> Iterator[tuple[str, Definition]]:
    """Every function and class with its dotted place in the module, outermost first."""
    yield from _definitions(module.tree, "")


def _definitions(node: ast.AST, within: str) -> Iterator[tuple[str, Definition]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield f"{within}{child.name}", child
            yield from _definitions(child, f"{within}{child.name}.")
        else:
            yield from _definitions(child, within)


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink():
            continue
        if path.is_dir():
            if path.name not in _NOT_OURS and not path.name.endswith(("_cache", "__pycache__")):
                yield from _walk(path)
        else:
            yield path


def _read(path: Path) -> Module:
    return parse(path.read_text(encoding="utf-8"), shown(path))
