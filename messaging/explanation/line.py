"""A line of an explanation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Tell = Callable[[datetime], str]
"""How whoever reads the explanation wants to be told a time."""


class Tone(StrEnum):
    """Whether a line is good news."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    DOUBT = "doubt"
    """Nobody knows yet, or somebody has to decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A sentence, and when what it says happened; None where it is about now."""

    text: str
    tone: Tone = Tone.PLAIN
    at: datetime | None = None
