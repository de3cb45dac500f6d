"""What a page may name as ours: settings, files, modules, SQL, metrics, options, words of code."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import typer

from messaging.settings import Settings, names_of
from tests.house import tree
from tests.house.environment import CONTAINERS, is_known
from tests.house.tree import ROOT, files, shown

_CODE = (
    ".py", ".sql", ".lua", ".toml", ".yml", ".js", ".json", ".html", "Makefile", "Procfile",
    "Dockerfile", "run", "set-up", "compat", "pooler",
)  # fmt: skip
_TABLES = ("public", "message_jobs", "message_templates")
_SQL = re.compile(
    r"(create(?: or replace)?|drop)\s+(?:materialized )?(?:function|view|table|type|procedure)"
    r"(?:\s+if (?:not )?exists)?\s+messaging\.(\w+)(?:\s*\(([^;]*?)\)\s*(?:returns|;|$))?",
    re.IGNORECASE,
)


@cache
def words() -> frozenset[str]:
    """Every word in the text of the code, except of the tests that judge pages."""
    code = [path for path in files(*_CODE) if not shown(path).startswith("tests/house/")]
    return frozenset(
        word for path in code for word in re.findall(r"[A-Za-z_]\w*", path.read_text("utf-8"))
    )


@cache
def sql_objects() -> Mapping[str, frozenset[str]]:
    """What the schema `messaging` has once all migrations ran, with the words of its arguments."""
    found: dict[str, frozenset[str]] = {}
    own = ROOT / "messaging/postgres/sql/migrations.sql"  # where the applied ones are noted
    for path in [own, *sorted((ROOT / "migrations").glob("*.sql"))]:
        for verb, name, arguments in _SQL.findall(path.read_text("utf-8")):
            if verb.lower() == "drop":
                found.pop(name, None)
            else:
                found[name] = frozenset(re.findall(r"\w+", arguments)) | found.get(
                    name, frozenset()
                )
    return found


@cache
def modules() -> Mapping[str, frozenset[str]]:
    """What each module of ours defines, by its dotted name; classes count as modules."""
    found: dict[str, frozenset[str]] = {}
    for module in tree.product():
        found[module.name] = frozenset(_defined(module.tree))
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                found[f"{module.name}.{node.name}"] = frozenset(_defined(node))
    return found


def _defined(body: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in body.body:
        if isinstance(node, tree.Definition):
            yield node.name
        elif isinstance(node, ast.AnnAssign):
            yield ast.unparse(node.target)
        elif isinstance(node, ast.Assign):
            yield from map(ast.unparse, node.targets)


@cache
def paths() -> tuple[str, ...]:
    """Every file and folder of the project."""
    there = [shown(path) for path in files("")]
    return tuple({"/".join(path.split("/")[:n]) for path in there for n in range(1, 20)})


def is_path(name: str) -> bool:
    """Whether it ends the path of something of ours; `…` and `*` stand for anything."""
    pattern = re.escape(name.strip("/")).replace("…", ".*").replace(r"\*", ".*")
    return any(re.search(rf"(?:^|/){pattern}$", path) for path in paths())


def is_setting(name: str) -> bool:
    """Whether something reads a variable of this name; `…` stands for a part of the name."""
    if "…" in name:
        pattern = re.compile(name.replace("…", ".*"))
        known = [every for field in Settings.model_fields for every in names_of(field)]
        return any(pattern.fullmatch(f"{every}{file}") for every in known for file in ("", "_FILE"))
    return is_known(name) or name in CONTAINERS or name in texts() or _is_of_tests(name)


def _is_of_tests(name: str) -> bool:
    return name.startswith("MESSAGING_TEST_") and name in words()


def is_defined(dotted: str) -> bool:
    """Whether `module.name`, `Class.name` or a module's path is there, however short it is."""
    home, _, name = dotted.rpartition(".")
    defined = modules()
    if home.removeprefix("public.") in _TABLES:
        return name in words()
    if any(whole.endswith(f".{dotted}") or whole == dotted for whole in defined):
        return True
    return any(
        name in names
        for whole, names in defined.items()
        if whole.endswith(f".{home}") or whole == home
    )


@cache
def metrics() -> Mapping[str, frozenset[str]]:
    """The metrics of the web process by name, with their labels."""
    from messaging.web.meters import Meters, _Gauges

    every: Any = _Anything()
    counted = {
        sample.name: frozenset(sample.labels)
        for family in Meters().registry.collect()
        for sample in family.samples
        if sample.name.startswith("messaging_") and sample.name.endswith("_total")
    }
    gauges = {gauge.name: frozenset(gauge._labelnames) for gauge in _Gauges(every, ()).collect()}
    return counted | gauges


class _Anything:
    """Figures of nothing, whatever is asked of them."""

    def __getattr__(self, _name: str) -> "_Anything":
        return self

    def __call__(self, *_: object) -> "_Anything":
        return self

    def __iter__(self) -> Iterator[object]:
        return iter(())


@cache
def options() -> frozenset[str]:
    """Every option of `messaging`, and of what is started with `python -m` beside it."""
    from messaging.cli import app

    beside = (
        text for name in constants() if name.endswith("__main__") for text in constants()[name]
    )
    return frozenset([*_options(typer.main.get_command(app)), *_spelt(beside)])


def program_options(module: str) -> frozenset[str] | None:
    """The options of `python -m module`; None where there is no such module of ours."""
    spoken = constants().get(f"{module}.__main__", constants().get(module))
    path = module.replace(".", "/")
    if spoken is None and (is_path(f"{path}/__main__.py") or is_path(f"{path}.py")):
        return frozenset()
    return spoken and frozenset(_spelt({*spoken, *(f"--{name}" for name in spoken), "--help"}))


@cache
def constants() -> Mapping[str, frozenset[str]]:
    """The texts that stand in the code of each module."""
    return {
        module.name: frozenset(
            node.value
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        for module in tree.product()
    }


@cache
def texts() -> frozenset[str]:
    """Every text that stands in the product's code, such as a queue's name or an address."""
    return frozenset(text for spoken in constants().values() for text in spoken)


def _spelt(texts: Iterable[str]) -> Iterator[str]:
    return (text for text in texts if re.fullmatch(r"--[a-z][a-z-]*", text))


def _options(command: Any) -> Iterator[str]:
    yield "--help"
    for option in command.params:
        yield from (*option.opts, *option.secondary_opts)
    for below in getattr(command, "commands", {}).values():
        yield from _options(below)
