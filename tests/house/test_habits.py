"""Habits that cost messages: swallowed errors, second clocks, stray settings, SQL from strings."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.tree import Function, Module, definitions, expect_none, parse, product

OUTER_EDGES = {
    "messaging/company.py Company._lead": "each caller raises it, in its own thread",
    "messaging/twilio/http.py StagedHttpClient._post_after_waiting": "what fails then is an answer",
    "messaging/twilio/sending.py Sending.send": "whatever fails before the write is an answer",
    "messaging/twilio/sending.py Sending._end": "whatever fails after the write is an answer",
    "messaging/web/collector.py Collector._keep": "the collecting task must not end",
}
"""Functions, as `path name`, that may keep what every exception says, and why."""

CLOCKS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("time", "time"), ("time", "time_ns"), ("time", "localtime"), ("time", "gmtime"),
}  # fmt: skip

ENVIRONMENT = {
    "messaging/settings.py": "the only reader",
    "messaging/probe.py": "reads TMPDIR, as tempfile does, without its imports",
    "messaging/local/": "makes environments for the processes that it starts",
    "messaging/commands/doors/running.py": "hands it to the simulator, which may run alone",
}
"""Files and folders that may look at the environment, and why."""

RUNS_SQL = {"execute", "executemany", "copy", "stream", "SQL"}
_LOOKS_LIKE_SQL = re.compile(
    r"\s*(select\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s"
    r"|(create|alter|drop)\s+(table|schema|role|user|database|index|function|extension)\s"
    r"|(listen|notify|grant|revoke|truncate)\s)",
    re.IGNORECASE,
)


def swallowing(module: Module) -> list[str]:
    """Functions that catch every exception, do not pass it on, and are no listed outer edge."""
    return [
        f"{module.path}:{node.lineno} {place}"
        for place, node in _caught(module)
        if f"{module.path} {place}" not in OUTER_EDGES
    ]


def _caught(module: Module) -> Iterator[tuple[str, ast.ExceptHandler]]:
    places = [(place, node) for place, node in definitions(module) if isinstance(node, Function)]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _passes_on(node):
            around = [place for place, function in places if node in ast.walk(function)]
            yield (around[-1] if around else "the module"), node


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool({"Exception", "BaseException"} & _names(handler.type))


def _passes_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def clocks(module: Module) -> list[str]:
    """Readings of this machine's clock, and imports of functions that read it."""
    read = [
        (node.lineno, ast.unparse(node))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and (ast.unparse(node.value).split(".")[-1], node.attr) in CLOCKS
    ]
    imported = [
        (node.lineno, f"{node.module}.{alias.name}")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
        if ("time", alias.name) in CLOCKS
    ]
    return [f"{module.path}:{line} {what}" for line, what in read + imported]


def environment(module: Module) -> list[str]:
    """Looks at the environment."""
    return [
        f"{module.path}:{node.lineno}"
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"))
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
    ]


def glued_sql(module: Module) -> list[str]:
    """Statements built from strings: given to `execute` and its like, or anywhere else."""
    given = [
        node.args[0]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and _called(node) in RUNS_SQL and node.args
    ]
    anywhere = [node for node in ast.walk(module.tree) if _reads_as_sql(node)]
    lines = {node.lineno for node in given if _is_glued(node)}
    lines |= {node.lineno for node in anywhere if isinstance(node, ast.expr)}
    return [f"{module.path}:{line}" for line in sorted(lines)]


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).split(".")[-1]


def _is_glued(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod)
    return isinstance(node, ast.Call) and _called(node) in ("format", "join", "replace")


def _reads_as_sql(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr) and _is_glued(node):
        return bool(_LOOKS_LIKE_SQL.match("".join(map(_literal, node.values))))
    return isinstance(node, ast.BinOp) and _is_glued(node) and _begins_as_sql(node.left)


def _begins_as_sql(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _begins_as_sql(node.left)
    return bool(_LOOKS_LIKE_SQL.match(_literal(node)))


def _literal(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return "{}"


def test_only_an_outer_edge_catches_every_exception() -> None:
    expect_none(finding for module in product() for finding in swallowing(module))


def test_every_listed_outer_edge_is_one() -> None:
    edges = {f"{module.path} {place}" for module in product() for place, _ in _caught(module)}
    expect_none(OUTER_EDGES.keys() - edges)


def test_only_local_reads_the_clock_of_this_machine() -> None:
    elsewhere = [module for module in product() if not module.path.startswith("messaging/local/")]
    expect_none(finding for module in elsewhere for finding in clocks(module))


def test_only_the_settings_read_the_environment() -> None:
    elsewhere = [module for module in product() if not module.path.startswith(tuple(ENVIRONMENT))]
    expect_none(finding for module in elsewhere for finding in environment(module))


def test_no_statement_is_glued_from_strings() -> None:
    expect_none(finding for module in product() for finding in glued_sql(module))


@pytest.mark.parametrize(
    "caught", ["", " Exception", " BaseException as e", " (ValueError, Exception)"]
)
def test_a_function_that_catches_everything_is_found(caught: str) -> None:
    source = f"def f():\n  try: g()\n  except{caught}: pass"
    assert ["messaging/example.py:3 f"] == swallowing(parse(source))


def test_a_function_that_cleans_up_and_passes_the_error_on_is_left_alone() -> None:
    source = "def f():\n  try: g()\n  except BaseException:\n    close()\n    raise"
    assert [] == swallowing(parse(source))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from datetime import datetime\nnow = datetime.now(UTC)", 1),
        ("import datetime as d\nnow = d.datetime.now", 1),
        ("import time\ntime.time()", 1),
        ("from time import time", 1),
        ("import time\ntime.monotonic()", 0),
        ("rt.db.now()", 0),
    ],
)
def test_a_reading_of_the_clock_is_found(source: str, expected: int) -> None:
    assert expected == len(clocks(parse(source)))


@pytest.mark.parametrize(
    "source", ["import os\nos.environ['X']", "import os\nos.getenv('X')", "from os import environ"]
)
def test_a_look_at_the_environment_is_found(source: str) -> None:
    assert 1 == len(environment(parse(source)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("db.execute(f'{verb} jobs')", 1),
        ("db.execute('select ' + columns)", 1),
        ("db.execute('select %s' % columns)", 1),
        ("db.execute('select {}'.format(columns))", 1),
        ("sql.SQL(f'{verb}')", 1),
        ("statement = f'select {columns} from jobs'", 1),
        ("statement = 'delete from jobs where id = ' + id", 1),
        ("db.execute('select 1')", 0),
        ("db.execute(query('jobs', 'claim'), {'id': id})", 0),
        ("say(f'select one of {names}')", 1),
        ("say(f'{n} jobs, select one')", 0),
    ],
)
def test_a_statement_that_is_glued_is_found(source: str, expected: int) -> None:
    assert expected == len(glued_sql(parse(source)))
