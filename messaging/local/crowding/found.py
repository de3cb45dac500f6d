"""What a run has found."""

from collections.abc import Sequence
from dataclasses import dataclass

from messaging.local.pacing.windows import Arrival, average

SETTLED = 10.0
"""Seconds after the first text from which on the average is taken: by then it is found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdFound:
    """`arrivals` are the texts that Twilio took, in order; `refused` requests got a 429."""

    arrivals: Sequence[Arrival]
    allowed: float
    lost: int
    repeated: int
    refused: int
    retries: int
    """How many retries texts were charged with."""
    attempts: int
    """How many attempts there were beyond one for each text: refused, or too late for a slot."""
    missed: int
    """How many of these were too late for a slot."""
    openings: int
    """How often the breaker opened."""

    @property
    def share(self) -> float:
        """Per cent of what Twilio allows that it was given, from when it settled to the end."""
        start, end = self.arrivals[0].at + SETTLED, self.arrivals[-1].at
        if end <= start:
            return 0.0
        return 100 * average(self.arrivals, start, end) / self.allowed

    @property
    def holds(self) -> bool:
        """Whether each text was sent once, and none was charged with a retry."""
        return not (self.lost or self.repeated or self.retries)

    def sentences(self) -> list[str]:
        """The figures, a line each."""
        first = self.arrivals[0].at
        begun = sum(arrival.at < first + SETTLED for arrival in self.arrivals) / SETTLED
        return [
            f"taken: {self.share:.1f} % of {self.allowed:g} a second; "
            f"{begun:.0f} a second in the first {SETTLED:g} s",
            f"texts: {len(self.arrivals):,}, {self.lost} lost, {self.repeated} twice, "
            f"{self.retries} charged with a retry",
            f"requests refused with 429: {self.refused:,}, "
            f"attempts too many: {self.attempts:,}, {self.missed:,} of them too late for a slot",
            f"times that the breaker opened: {self.openings}",
        ]

    def as_json(self) -> dict[str, object]:
        """The figures for machines."""
        return {
            "share_percent": self.share,
            "allowed_per_second": self.allowed,
            "texts": len(self.arrivals),
            "lost": self.lost,
            "repeated": self.repeated,
            "refused": self.refused,
            "retries": self.retries,
            "attempts": self.attempts,
            "missed_slots": self.missed,
            "openings": self.openings,
        }
