"""Arrows point downwards: what may import what, and which packages a room may use."""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import chain

import pytest

from tests.house.dependencies import dependencies, normal
from tests.house.tree import ROOT, Module, expect_none, parse, product

STORY = 6
"""Any module at the top of `messaging` that is not named in HEIGHT is a verb of the story."""

HEIGHT = {
    "errors": 0,
    "probe": 0,
    "garbage": 0,
    "addressing": 0,
    "repetition": 0,
    "stopping": 0,
    "domain": 1,
    "setting_groups": 1.5,
    "keeping": 1.7,
    "keying": 1.7,
    "expiring": 1.7,
    "limiting": 1.7,
    "consenting": 1.7,
    "completing": 1.8,
    "timing": 1.8,
    "guarding": 1.7,
    "breaking": 1.7,
    "operating": 1.7,
    "settings": 2,
    "events": 2,
    "postgres": 3,
    "redis": 3,
    "twilio": 3,
    "channels": 3,
    "outages": 3,
    "refusals": 3,
    "company": 3,
    "lookout": 3.5,
    "booking": 3.5,
    "bounds": 3.5,
    "rulebooks": 3.5,
    "brake": 3.5,
    "hearing": 3.5,
    "runtime": 4,
    "steps": 5,
    "pulse": 6.5,
    "watching": 7,
    "celery": 7.5,
    "line": 7,
    "intake": 7,
    "runs": 6.9,
    "rounds": 7,
    "celeryconfig": 7,
    "screening": 7.2,
    "consumer": 7.5,
    "tasks": 8,
    "web": 8,
    "": 8,  # messaging/__init__.py, what callers import
    "local": 9,
    "commands": 10,
    "cli": 11,
    "__main__": 12,
}

SIDEWAYS = {("events", "settings"): "how loud events are is a setting"}

CELERY = {
    "celery",
    "runs",
    "watching",
    "line",
    "celeryconfig",
    "consumer",
    "intake",
    "screening",
    "rounds",
    "tasks",
    "commands",
    "local",
}
ONLY_IN = {
    "celery": CELERY,
    "kombu": CELERY,
    "twilio": {"twilio", "local"},  # local measures the package against our gateway
    "fastapi": {"web"},
    "starlette": {"web"},
    "typer": {"cli", "commands"},
}
"""Packages that only these rooms may import; the story, above all, never imports Celery."""

OUTSIDE_WORLD = {
    "asyncio", "http", "logging", "multiprocessing", "os", "pathlib", "shutil", "signal", "socket",
    "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib.request",
}  # fmt: skip
PART_OF = {"starlette": "fastapi"}  # FastAPI's interface is made of Starlette's classes
PURE_PACKAGES = {"phonenumbers", "jinja2", "tzdata", "dateutil", "holidays"}


def room(name: str) -> str:
    """The room of a dotted module name: `domain` of `messaging.domain.job`."""
    parts = name.split(".")
    return (parts[1] if len(parts) > 1 else "") if parts[0] == "messaging" else parts[0]


def height(of_room: str) -> float:
    """How high a room stands; an arrow may only point at something lower."""
    return HEIGHT.get(of_room, STORY)


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a module imports, `messaging.X` resolved."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "relative"
            elif node.module == "messaging":
                yield from ((node.lineno, _from_the_top(alias.name)) for alias in node.names)
            else:
                yield node.lineno, node.module or ""


def _from_the_top(name: str) -> str:
    here = ROOT / "messaging"
    is_module = name in HEIGHT or (here / f"{name}.py").exists() or (here / name).is_dir()
    return f"messaging.{name}" if is_module else "messaging"


def upward(module: Module) -> list[str]:
    """Imports of our own that do not point downwards."""
    here = room(module.name)
    return [
        f"{module.path}:{line} imports {name}"
        for line, name in imports(module)
        if name.split(".")[0] in ("messaging", "celeryconfig", "relative")
        and (there := room(name)) != here
        and (here, there) not in SIDEWAYS
        and (name == "relative" or height(there) >= height(here))
    ]


def misplaced(module: Module) -> list[str]:
    """Imports of packages that belong to another room."""
    here = room(module.name)
    return [
        f"{module.path}:{line} imports {name}"
        for line, name in imports(module)
        if here not in ONLY_IN.get(name.split(".")[0], {here})
        or (here == "domain" and _reaches_out(name))
    ]


def _reaches_out(name: str) -> bool:
    package = name.split(".")[0]
    if package in sys.stdlib_module_names:
        return bool({name, package} & OUTSIDE_WORLD)
    return package not in PURE_PACKAGES | {"messaging"}


def test_every_import_points_downwards() -> None:
    expect_none(chain.from_iterable(map(upward, product())))


def test_packages_stay_in_their_rooms_and_the_domain_talks_to_nothing() -> None:
    expect_none(chain.from_iterable(map(misplaced, product())))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("messaging/bridge.py", "from messaging import delivery"),
        ("messaging/bridge.py", "from messaging.delivery import deliver"),
        ("messaging/bridge.py", "from messaging import Draft"),
        ("messaging/bridge.py", "from . import delivery"),
        ("messaging/domain/job.py", "import messaging.settings"),
        ("messaging/postgres/jobs.py", "from messaging.redis.throttle import Throttle"),
        ("messaging/postgres/jobs.py", "from messaging import runtime"),
        ("messaging/web/pages.py", "from messaging import tasks"),
        ("messaging/web/pages.py", "from messaging.local import simulator"),
        ("messaging/local/programs.py", "def up():\n    from messaging import cli"),
        ("messaging/commands/send.py", "from messaging.cli import app"),
        ("messaging/settings.py", "from messaging import events"),
    ],
)
def test_an_arrow_that_points_up_or_sideways_is_found(path: str, source: str) -> None:
    assert 1 == len(upward(parse(source, path)))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("messaging/tasks.py", "from messaging import delivery, runtime"),
        ("messaging/delivery.py", "from messaging import events\nimport messaging.steps.sending"),
        ("messaging/cli.py", "from messaging.local import programs"),
        ("messaging/cli.py", "from messaging.commands import send"),
        ("messaging/domain/job.py", "from messaging.domain.phone import Phone"),
    ],
)
def test_an_arrow_that_points_down_is_left_alone(path: str, source: str) -> None:
    assert [] == upward(parse(source, path))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("messaging/bridge.py", "from celery import shared_task"),
        ("messaging/domain/job.py", "import psycopg"),
        ("messaging/domain/job.py", "import time"),
        ("messaging/delivery.py", "from twilio.rest import Client"),
    ],
)
def test_a_package_in_the_wrong_room_is_found(path: str, source: str) -> None:
    assert 1 == len(misplaced(parse(source, path)))


def test_every_package_that_is_imported_is_declared() -> None:
    declared = dependencies()
    makers = packages_distributions()
    expect_none(
        f"{module.path}:{line} imports {name}"
        for module in product()
        for line, name in imports(module)
        if (package := name.split(".")[0]) not in {*sys.stdlib_module_names, "relative"}
        and package not in ("messaging", "celeryconfig")
        and not declared & set(map(normal, makers.get(PART_OF.get(package, package), [])))
    )
