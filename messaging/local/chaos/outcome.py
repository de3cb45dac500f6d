"""What a run came to, as values: the report's content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from messaging.local.chaos.comparison import Findings
from messaging.local.chaos.doubts import Doubts
from messaging.local.chaos.records import Happening, Job
from messaging.local.chaos.recovery import Recovery
from messaging.local.twilio import Accepted


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
class Moment:
    """Something that was done, in words; `at` is in seconds from the beginning of the trouble."""

    at: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How it went: texts that Twilio accepted in each second, and all that was done."""

    accepted: Sequence[int]
    moments: Sequence[Moment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A text with which something is wrong, and all that both records know of it."""

    wrong: Sequence[str]
    job: Job | None
    journal: Sequence[Happening]
    ledger: Sequence[Accepted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything about one run. Times are in seconds."""

    is_passed: bool
    """Whether every text was sent once, and nothing is left behind."""

    sender: str
    is_baseline: bool
    began: str
    """In ISO 8601, UTC."""
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
    decided: int
    """Texts that were held for a person, who looked at Twilio and decided."""
    doubts: Doubts
    unsent: Recovery
    in_doubt: Recovery
    processes: int
    """How many there were in all."""
    left: Sequence[str]
    """Processes of the run that were still there after it."""
    course: Course
    dossiers: Sequence[Dossier]
    """Of the first texts of each kind."""
