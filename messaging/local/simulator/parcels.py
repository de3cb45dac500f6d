"""A webhook request on its way: where it goes, how it may be retried, how it ended."""

from collections.abc import Callable
from dataclasses import dataclass

from messaging.local.simulator.overrides import Overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where posts go: one server."""

    host: str
    port: int
    secure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a post ended: an HTTP status, or a failure (ct: no connection, rt: no answer)."""

    status: int | None = None
    failure: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the server took it."""
        return self.status is not None and self.status < 400

    @property
    def kind(self) -> str:
        """The word for this outcome in a retry policy."""
        return self.failure or f"{(self.status or 0) // 100}xx"


@dataclass(slots=True, kw_only=True)
class Parcel:
    """One request, ready to be written, and what to do when it has ended."""

    origin: Origin
    request: bytes
    overrides: Overrides
    on_end: Callable[[Outcome], None] | None
    tries: int = 0
    deadline: float = 0.0
    count: "Count | None" = None
    """Where it is counted; set when it is sent."""


@dataclass(slots=True, kw_only=True)
class Count:
    """How posts have gone since the start."""

    delivered: int = 0
    failed: int = 0
    retried: int = 0
    waiting: int = 0
