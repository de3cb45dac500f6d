"""Modules stay short, and functions shorter."""

import ast

import pytest

from tests.house.tree import Function, Module, definitions, expect_none, parse, product

LONGEST_MODULE = 250
LONGEST_FUNCTION = 40


def long_modules(modules: tuple[Module, ...]) -> list[str]:
    """Modules of more than LONGEST_MODULE lines."""
    lengths = [(module.path, len(module.source.splitlines())) for module in modules]
    return [f"{path} has {lines} lines" for path, lines in lengths if lines > LONGEST_MODULE]


def long_functions(module: Module) -> list[str]:
    """Functions of more than LONGEST_FUNCTION lines, the docstring not counted."""
    found = [
        (f"{module.path}:{node.lineno} {name}", _lines(node))
        for name, node in definitions(module)
        if isinstance(node, Function)
    ]
    return [f"{place} has {lines} lines" for place, lines in found if lines > LONGEST_FUNCTION]


def _lines(node: Function) -> int:
    first = node.body[0]
    docstring = _span(first) if ast.get_docstring(node) is not None else 0
    return _span(node) - docstring


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_is_too_long() -> None:
    expect_none(long_modules(product()))


def test_no_function_is_too_long() -> None:
    expect_none(finding for module in product() for finding in long_functions(module))


@pytest.mark.parametrize(("lines", "expected"), [(250, 0), (251, 1)])
def test_a_module_is_too_long_from_its_251st_line(lines: int, expected: int) -> None:
    assert expected == len(long_modules((parse("x = 1\n" * lines),)))


@pytest.mark.parametrize(("body", "expected"), [(39, 0), (40, 1)])
def test_a_function_is_too_long_from_its_41st_line(body: int, expected: int) -> None:
    source = 'class C:\n  def f(self):\n    """Two\n    lines."""\n' + "    x = 1\n" * body
    assert expected == len(long_functions(parse(source)))
