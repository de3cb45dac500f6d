"""What a run has found, from the ledger and the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from messaging.local.bench.figures import percentile
from messaging.local.pacing.windows import Arrival, average, fullest

SETTLED = 5.0
"""Seconds after the first text from which on averages are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Times are in seconds since 1970, save the `lags` of urgent texts, which are milliseconds."""

    arrivals: Sequence[Arrival]
    limits: Mapping[int, int]
    """Each limit, by the seconds of its window."""
    repeated: int
    missed: int
    """How often a slot was missed, so that its text took another one."""
    doubted: int
    quiet_until: float
    kills: Sequence[float] = ()
    wipes: Sequence[float] = ()
    lags: Sequence[float] = field(default=())

    @property
    def rate(self) -> float:
        """The strictest limit, a second."""
        return min(count / seconds for seconds, count in self.limits.items())

    def fullest(self) -> dict[int, int]:
        """The most in a window of each limit, by its seconds."""
        return {seconds: fullest(self.arrivals, seconds) for seconds in self.limits}

    def share(self) -> float | None:
        """Per cent of the limit that were used before there was trouble; None if that was short."""
        start = self.arrivals[0].at + SETTLED
        until = min(self.quiet_until, self.arrivals[-1].at)
        if until - start < SETTLED:
            return None
        return 100 * average(self.arrivals, start, until) / self.rate

    @property
    def holds(self) -> bool:
        """Whether no window holds more than its limit and one, and nothing was sent twice."""
        most = self.fullest()
        return not self.repeated and all(
            most[seconds] <= count + 1 for seconds, count in self.limits.items()
        )

    def sentences(self) -> list[str]:
        """The figures, a line each."""
        names = {1: "second", 60: "minute"}
        lines = [
            f"fullest {names[seconds]}: {most:,} of {self.limits[seconds]:,}"
            for seconds, most in self.fullest().items()
        ]
        share = self.share()
        lines += [f"average without trouble: {share:.1f} % of the limit"] if share else []
        lines += [
            f"texts: {len(self.arrivals):,}, {self.repeated} of them twice",
            f"workers killed: {len(self.kills)}, Redis emptied: {len(self.wipes)}",
            f"slots missed: {self.missed}, left in doubt by workers that died: {self.doubted}",
        ]
        if self.lags:
            p50, p99, most = (percentile(self.lags, part) for part in (0.5, 0.99, 1.0))
            lines.append(
                f"urgent, from commit to request: p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
                f"longest {most:.0f} ms, of {len(self.lags)}"
            )
        return lines

    def as_json(self) -> dict[str, object]:
        """The figures for machines."""
        return {
            "fullest": {str(seconds): most for seconds, most in self.fullest().items()},
            "limits": {str(seconds): count for seconds, count in self.limits.items()},
            "average_percent": self.share(),
            "texts": len(self.arrivals),
            "repeated": self.repeated,
            "missed_slots": self.missed,
            "doubted": self.doubted,
            "kills": len(self.kills),
            "wipes": len(self.wipes),
            "urgent_ms": {
                written: percentile(self.lags, part)
                for written, part in (("p50", 0.5), ("p99", 0.99), ("longest", 1.0))
            }
            if self.lags
            else None,
        }
