"""What a run is to be: how many texts, and how many requests at once Twilio takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdOptions:
    """One run. Twilio takes `admitted` requests at once and thinks about each for `thinks`; our own
    limit is `second` texts a second."""

    messages: int = 6000
    second: int = 300
    workers: int = 3
    admitted: int = 20
    thinks: timedelta = timedelta(milliseconds=200)
    settings: Mapping[str, str] = field(default_factory=dict)
    """More settings for every process."""
    report: Path | None = None

    @property
    def allowed(self) -> float:
        """Texts a second that Twilio can take so."""
        return self.admitted / self.thinks.total_seconds()

    @property
    def environment(self) -> dict[str, str]:
        """Settings for every process."""
        return {"TWILIO_RATE_LIMIT_PER_SECOND": str(self.second or ""), **self.settings}
