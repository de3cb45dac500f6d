"""How far a request had come: what may follow a failure depends on nothing else."""

import math
import time
from contextvars import ContextVar
from enum import IntEnum
from typing import Protocol

from messaging.errors import MessagingError

BETWEEN_GLANCES = 0.02
"""Seconds between two looks whether it is known that nobody has stopped sending."""


class Stage(IntEnum):
    """The steps of one request, in order. From WRITE on, Twilio may have seen some of it."""

    START = 0
    """Not begun, or waiting for its turn."""
    RESOLVE = 1
    """Looking up the host name."""
    CONNECT = 2
    """Opening the TCP connection."""
    TLS = 3
    """Agreeing on TLS and checking the certificate."""
    DEADLINE = 4
    """Everything was ready, but it was too late to write, or sending was stopped."""
    WRITE = 5
    """Writing; an unknown part of the request has left."""
    STATUS = 6
    """Waiting for the status line and the headers of the answer."""
    BODY = 7
    """Reading the body of the answer."""

    @property
    def may_have_arrived(self) -> bool:
        """Whether a request that failed here may have been carried out."""
        return self >= Stage.WRITE


class Failed(MessagingError):
    """A request got no complete answer. `stage` says how far it had come; never repeated here."""

    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage
        self.reason = reason


class Brake(Protocol):
    """What knows whether somebody has stopped sending; times are readings of `time.monotonic()`."""

    def why_not(self, claimed_at: float) -> str | None:
        """Why what was claimed then must not be written now; None: it may."""

    def is_stale(self, claimed_at: float) -> bool:
        """Whether that is not known now, and may be in a moment."""


class Progress:
    """Follows one request. Times are readings of `time.monotonic()` in seconds.

    The other end owes it something since `owed_since`: a connection, then an answer.
    """

    __slots__ = ("brake", "claimed_at", "owed_since", "stage", "write_before")

    def __init__(
        self,
        *,
        write_before: float = math.inf,
        claimed_at: float = math.inf,
        brake: Brake | None = None,
    ) -> None:
        """`brake` is asked right before the first byte about what was claimed then."""
        self.stage = Stage.START
        self.owed_since = math.inf
        self.write_before = write_before
        self.claimed_at = claimed_at
        self.brake = brake

    @property
    def time_left(self) -> float | None:
        """Seconds until the request must not be written any more, or None without a limit."""
        return None if math.isinf(self.write_before) else self.write_before - time.monotonic()

    @property
    def is_unseen(self) -> bool:
        """Whether it has not been seen lately if sending is stopped, and there is time to wait."""
        return (
            self.brake is not None
            and self.brake.is_stale(self.claimed_at)
            and time.monotonic() < self.write_before
        )

    def begin_write(self) -> None:
        """Enter WRITE, to be called right before the first byte; raise Failed if it is too late,
        or if there is a reason not to."""
        now = time.monotonic()
        if now >= self.write_before:
            raise self.too_late()
        if self.brake is not None and (reason := self.brake.why_not(self.claimed_at)):
            self.stage = Stage.DEADLINE
            raise Failed(Stage.DEADLINE, reason)
        self.stage = Stage.WRITE
        self.owed_since = now

    def too_late(self) -> Failed:
        """The failure of a request whose time to be written has passed."""
        before, self.stage = self.stage, Stage.DEADLINE
        waited_for = "its turn" if before is Stage.START else "a connection"
        return Failed(
            Stage.DEADLINE, f"the time to send ran out while waiting for {waited_for}; not sent"
        )


# The package's client interface has no place for a deadline; a task's context does.
PROGRESS: ContextVar[Progress] = ContextVar("progress")
