"""Whoever calls a public function finds what it gives in its docstring."""

import ast

import pytest

from tests.house.tree import Module, definitions, expect_none, parse, product


def undocumented(module: Module) -> list[str]:
    """Public modules, classes, functions and methods without a docstring that is a sentence."""
    things = [(module.name, module.tree), *_public(module)]
    return [
        f"{module.path}:{getattr(node, 'lineno', 1)} {name}"
        for name, node in things
        if not _is_sentence(ast.get_docstring(node))
    ]


def _public(module: Module) -> list[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """Definitions that others may use: no name on the way to them begins with an underscore."""
    functions = {place for place, node in definitions(module) if not isinstance(node, ast.ClassDef)}
    return [
        (place, node)  # type: ignore[misc]  # an async function has a docstring as well
        for place, node in definitions(module)
        if not any(part.startswith("_") for part in place.split("."))
        and place.rpartition(".")[0] not in functions
        and not _is_overload(node)
    ]


def _is_overload(node: ast.stmt) -> bool:
    return any("overload" in ast.unparse(mark) for mark in getattr(node, "decorator_list", []))


def _is_sentence(docstring: str | None) -> bool:
    return docstring is not None and docstring.split("\n\n")[0].rstrip().endswith((".", ":", "?"))


def test_everything_public_is_documented() -> None:
    expect_none(finding for module in product() for finding in undocumented(module))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", 1),
        ('"""A noun."""', 0),
        ('"""No full stop"""', 1),
        ('"""A noun."""\ndef verb(): ...', 1),
        ('"""A noun."""\nasync def verb(): ...', 1),
        ('"""A noun."""\ndef _verb(): ...', 0),
        ('"""A noun."""\ndef verb():\n  """Gives."""\n  def inner(): ...', 0),
        ('"""A noun."""\nclass C:\n  """A thing."""\n  def verb(self): ...', 1),
        ('"""A noun."""\nclass _C:\n  def verb(self): ...', 0),
    ],
)
def test_what_lacks_a_sentence_is_found(source: str, expected: int) -> None:
    assert expected == len(undocumented(parse(source)))
