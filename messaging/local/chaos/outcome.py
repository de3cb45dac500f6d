"""What a run came to, as values: the report's content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from messaging.local.chaos.comparison import Findings
from messaging.local.chaos.doubts import Doubts
from messaging.local.chaos.recovery import Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done to the service: counts by kind."""

    kills: Mapping[str, int]
    others: Mapping[str, int]
    faults: Mapping[str, int]
    """Twilio's, by kind: how many requests, texts or callbacks they hit."""
    commits_again: int
    """Commits of the producer whose outcome was unknown or bad, and that it tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it ran, and with what."""

    system: str
    cores: int
    load: float
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything about one run. Times are in seconds."""

    sender: str
    is_baseline: bool
    began: datetime
    seed: int
    messages: int
    planned_kills: int
    trouble_seconds: float
    total_seconds: float
    times: Mapping[str, float]
    """The protocol's times in force, by their settings' names."""
    place: Place
    done: Done
    committed: int
    accepted: int
    """Texts in Twilio's ledger."""
    statuses: Mapping[str, int]
    findings: Findings
    doubts: Doubts
    unsent: Recovery
    in_doubt: Recovery
    processes: int
    """How many there were in all."""
    left: Sequence[str]
    """Processes of the run that were still there after it."""

    @property
    def is_passed(self) -> bool:
        """Whether every text was sent once, and nothing is left behind."""
        return self.findings.is_clean and not self.left
