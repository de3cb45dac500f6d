"""What a run is to be: how many texts, at which rate, which outages and how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What goes wrong for all of Twilio."""

    CREDENTIALS = "credentials"
    """It refuses ours (error 20003)."""
    ERRORS = "errors"
    """It answers 500 to everything, and takes nothing."""
    BLACKHOLE = "blackhole"
    """Nothing that we write arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageOptions:
    """One run: the outages come one after the other, each amid so many `messages`, of which some
    go out in `quiet`.
    """

    kinds: Sequence[Kind] = tuple(Kind)
    messages: int = 4000
    second: int = 200
    """The rate limit a second, 0 for none."""
    workers: int = 3
    quiet: timedelta = timedelta(seconds=5)
    outage: timedelta = timedelta(seconds=60)
    settings: Mapping[str, str] = field(default_factory=dict)
    """More settings for every process."""
    report: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Settings for every process."""
        limit = {"TWILIO_RATE_LIMIT_PER_SECOND": str(self.second or "")}
        return {**limit, **self.settings}
