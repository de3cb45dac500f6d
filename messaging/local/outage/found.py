"""What a run has found: of each outage, and in the end."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from messaging.local.outage.options import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Times are in seconds, claims are attempts that were begun."""

    kind: Kind
    opened: float
    """From its beginning until the breaker was open."""
    claims_before: int
    """From its beginning until then; some of them Twilio had taken in time."""
    claims_open: int
    """From then on until it was over: the probes, and what was under way."""
    closed: float
    """From its end until the breaker was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The whole run."""

    outages: Sequence[Outage]
    texts: int
    lost: int
    repeated: int
    retries: int
    """How many retries texts were charged with."""
    last: float
    """Seconds from the end of the last outage until all texts were sent."""
    fullest: int
    """The most texts in any second."""
    second: int

    @property
    def holds(self) -> bool:
        """Whether each text was sent once, and none was charged with a retry."""
        return not (self.lost or self.repeated or self.retries)

    def sentences(self) -> list[str]:
        """The figures, a line each."""
        return [
            *(
                f"{one.kind}: open after {one.opened:.1f} s and {one.claims_before:,} claims; "
                f"{one.claims_open:,} claims while open; closed {one.closed:.1f} s after its end"
                for one in self.outages
            ),
            f"texts: {self.texts:,}, {self.lost} lost, {self.repeated} twice, "
            f"{self.retries} charged with a retry",
            f"fullest second: {self.fullest:,}" + (f" of {self.second:,}" if self.second else ""),
            f"the last text: {self.last:.1f} s after the end of the last outage",
        ]

    def as_json(self) -> dict[str, object]:
        """The figures for machines."""
        return asdict(self)
