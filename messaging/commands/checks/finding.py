"""What a check finds."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should look."""
    TROUBLE = "trouble"
    """Messages do not go out, or nobody learns what becomes of them."""
    SKIPPED = "skipped"
    """It could not be looked at, because of another trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: what was looked at, what was seen, and what to do where that is wrong."""

    name: str
    state: State
    what: str
    advice: str = ""


def ok(name: str, what: str) -> Finding:
    """It is as it should be."""
    return Finding(name=name, state=State.OK, what=what)


def warning(name: str, what: str, advice: str) -> Finding:
    """It works, and somebody should look."""
    return Finding(name=name, state=State.WARNING, what=what, advice=advice)


def trouble(name: str, what: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(name=name, state=State.TROUBLE, what=what, advice=advice)


def skipped(name: str, because: str) -> Finding:
    """It could not be looked at."""
    return Finding(name=name, state=State.SKIPPED, what=because)
