"""Names say what a thing is; words that fit everything say nothing."""

import re
from collections.abc import Iterator

import pytest

from tests.house.tree import Module, definitions, expect_none, parse, product

EMPTY_WORDS = {
    "manager", "service", "handler", "helper", "util", "common", "base", "misc", "data", "info",
}  # fmt: skip
EMPTY_BEGINNINGS = ("process_", "do_")

TERMS = {
    "messaging_service": "Twilio's word for what chooses the sender",
    "base_url": "the settings' own word for the address before the path",
}
"""Terms in which an empty word is somebody else's, and means one thing."""

GIVEN = {
    "data_received": "asyncio calls this method of a protocol",
    "create_task_handler": "Celery calls this method of its consumer",
}
"""Names that somebody else's interface asks for."""


def names(module: Module) -> Iterator[tuple[int, str]]:
    """Line and name of the module and of every function and class in it."""
    yield 1, module.name.split(".")[-1]
    yield from ((node.lineno, node.name) for _, node in definitions(module))


def says_nothing(name: str) -> bool:
    """Whether a name in snake or camel case holds an empty word, one or many of it."""
    if name in GIVEN:
        return False
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
    for term in TERMS:
        snake = re.sub(rf"(^|_){term}s?(?=_|$)", "", snake)
    words = {word.removesuffix("s") for word in snake.split("_")}
    return bool(words & EMPTY_WORDS) or snake.startswith(EMPTY_BEGINNINGS)


def test_every_name_says_something() -> None:
    expect_none(
        f"{module.path}:{line} {name}"
        for module in product()
        for line, name in names(module)
        if says_nothing(name)
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("JobManager", True),
        ("_handlers", True),
        ("utils", True),
        ("process_job", True),
        ("processes", False),
        ("do_send", True),
        ("BaseJob", True),
        ("load_data", True),
        ("webhook_base_url", False),
        ("messaging_services", False),
        ("MessagingService", False),
        ("services", True),
        ("metadata", False),
        ("database", False),
        ("informed", False),
        ("database_common", True),
    ],
)
def test_an_empty_word_is_found_wherever_it_stands(name: str, expected: bool) -> None:
    assert expected == says_nothing(name)


def test_modules_classes_and_functions_within_functions_are_looked_at() -> None:
    module = parse("class C:\n  def f(self):\n    def g(): ...", "messaging/domain/job.py")
    assert [(1, "job"), (1, "C"), (2, "f"), (3, "g")] == list(names(module))
