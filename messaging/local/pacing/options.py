"""What a run is to be: how many texts, which limits, and what is done to it."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PacingOptions:
    """One run. `second` and `minute` are the limits, 0 for none; `unit` is what they count.

    After `quiet`, a worker is killed `every` so often, for as long as `trouble`, and Redis is
    emptied so many times meanwhile. `urgent` texts are sent one by one while the others wait;
    where there are some, the run ends with the last of them.
    """

    messages: int = 20_000
    second: int = 200
    minute: int = 6000
    unit: str = "messages"
    mixed: bool = False
    """Whether every other text has three segments; else each has one."""
    workers: int = 3
    quiet: timedelta = timedelta(seconds=75)
    trouble: timedelta = timedelta(seconds=75)
    every: timedelta = timedelta(seconds=5)
    wipes: int = 2
    urgent: int = 0
    chart: Path | None = None
    report: Path | None = None

    @property
    def limits(self) -> dict[int, int]:
        """Each limit, by the seconds of its window."""
        return {seconds: count for seconds, count in ((1, self.second), (60, self.minute)) if count}

    @property
    def rate(self) -> float:
        """The strictest limit, a second."""
        return min(count / seconds for seconds, count in self.limits.items())

    @property
    def units(self) -> int:
        """What all texts count."""
        each = 2 if self.mixed and self.unit == "segments" else 1
        return self.messages * each

    @property
    def environment(self) -> dict[str, str]:
        """Settings for every process."""
        return {
            "TWILIO_RATE_LIMIT_PER_SECOND": str(self.second or ""),
            "TWILIO_RATE_LIMIT_PER_MINUTE": str(self.minute or ""),
            "TWILIO_RATE_LIMIT_UNIT": self.unit,
            **_SOON,
        }


_SOON = {
    "MESSAGING_CONNECT_TIMEOUT": "1",
    "MESSAGING_READ_TIMEOUT": "4",
    "MESSAGING_SEND_DEADLINE": "2",
    "MESSAGING_SEND_LEASE": "10",
    "MESSAGING_ENTRY_LEASE": "11",
    "MESSAGING_QUIESCENCE": "10",
}
"""What a worker that is killed leaves behind comes back in seconds, within the run."""
