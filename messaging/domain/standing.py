"""How a breaker stands, for people."""

from dataclasses import dataclass
from datetime import UTC, datetime

from messaging.domain.breaker import Record, State
from messaging.domain.verdict import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A breaker now. Where it is open, `next_probe` is None where the next text is the probe."""

    scope: Scope
    is_open: bool
    why: str = ""
    since: datetime | None = None
    next_probe: datetime | None = None

    @property
    def sentence(self) -> str:
        """Why nothing is sent, since when, and when it is tried again; empty where it is."""
        if self.since is None:
            return ""
        again = f"at {_clock(self.next_probe)}" if self.next_probe else "with the next text"
        why = f"{self.why.rstrip('.')}. " if self.why else ""
        return f"{why}Since {_clock(self.since)}; it is tried again {again}."


def stands(scope: Scope, record: Record, now: int) -> Standing:
    """How it stands; `now` is Redis's clock in microseconds."""
    if record.state is not State.OPEN:
        return Standing(scope=scope, is_open=False)
    return Standing(
        scope=scope,
        is_open=True,
        why=record.reason,
        since=_time(record.since),
        next_probe=_time(record.probe_at) if record.probe_at > now else None,
    )


def _time(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def _clock(time: datetime) -> str:
    return f"{time:%H:%M:%S} UTC"
