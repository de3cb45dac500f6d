"""The two records of a run, as values: what the database says, and Twilio's ledger."""

from collections.abc import Sequence
from dataclasses import dataclass

from messaging.local.twilio import Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A text as the sender's database has it at the end. `status` is one of our words."""

    id: str
    body: str
    status: str
    attempt: int
    sid: str | None
    error_code: int | None
    waits: bool = False
    """Whether its time is still to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A row of the journal. `at` is in seconds since 1970; `status` is what it made of the job."""

    job_id: str
    at: float
    kind: str
    attempt: int | None
    sid: str | None
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """All of it. `journal` is None for a sender that keeps none."""

    jobs: Sequence[Job]
    journal: Sequence[Happening] | None
    ledger: Sequence[Accepted]
