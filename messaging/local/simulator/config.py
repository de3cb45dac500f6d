"""How a simulated Twilio account is set up: who it is, how quick it is, what goes wrong."""

from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, with_config

from messaging.local.simulator.rules import Rule

Milliseconds = Annotated[int, Field(ge=0)]


def _invented(name: str) -> str:
    """32 hexadecimal digits that are the same on every machine.

    They are computed, not written down, because scanners for leaked secrets take literal
    SIDs for real ones.
    """
    return md5(f"twilio simulator {name}".encode(), usedforsecurity=False).hexdigest()


DEFAULT_ACCOUNT_SID = f"AC{_invented('account')}"
DEFAULT_AUTH_TOKEN = _invented("auth token")
DEFAULT_API_KEY = f"SK{_invented('api key')}"
DEFAULT_API_SECRET = _invented("api secret")
DEFAULT_MESSAGING_SERVICE_SID = f"MG{_invented('messaging service')}"
DEFAULT_NUMBER = "+15005550006"
"""The one sender that Twilio's own test credentials accept."""
REPORTED = ("queued", "sent", "delivered", "undelivered", "failed", "canceled")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One account with its credentials, senders, speed and faults. Times are milliseconds."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """0 takes a free port."""
    seed: int = 0
    """The same seed, rules and texts give the same faults, in whatever order texts arrive."""

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")] = DEFAULT_ACCOUNT_SID
    auth_token: str = DEFAULT_AUTH_TOKEN
    api_key: str = DEFAULT_API_KEY
    api_secret: str = DEFAULT_API_SECRET
    messaging_services: Annotated[tuple[str, ...], Field(min_length=1)] = (
        DEFAULT_MESSAGING_SERVICE_SID,
    )
    numbers: Annotated[tuple[str, ...], Field(min_length=1)] = (DEFAULT_NUMBER,)
    """The sender pool of every Messaging Service."""
    own_numbers_only: bool = False
    """Whether `From` must be one of `numbers` (else error 21606)."""

    status_callback: str | None = None
    """The Messaging Services' own callback URL, for messages that name none."""
    inbound_url: str | None = None
    """Where inbound texts are posted to; without one they are only recorded."""
    advanced_opt_out: bool = False
    """Whether inbound keywords carry OptOutType, as with Twilio's Advanced Opt-Out."""

    latency_ms: Milliseconds = 0
    """Every API request waits this long before anything happens."""
    queued_ms: tuple[Milliseconds, Milliseconds] = (20, 60)
    """From acceptance to `sent`, at least and at most."""
    delivered_ms: tuple[Milliseconds, Milliseconds] = (100, 300)
    """From `sent` to the last status, at least and at most."""
    reported: tuple[str, ...] = REPORTED
    """The statuses that cause a callback; add `sending` to see that one too."""
    callback_connections: Annotated[int, Field(ge=1)] = 32
    """Connections kept open to one webhook server."""

    segments_per_second: Annotated[float, Field(gt=0)] | None = None
    """What one sender may send; the rest stays queued. None: no limit."""
    longest_queue_ms: Milliseconds = 36_000_000
    """A sender's queue longer than this refuses a `From` (21611) and fails a service (30001)."""
    concurrent_requests: Annotated[int, Field(ge=1)] | None = None
    """More requests than this at once are answered 429, error 20429. None: no limit."""

    ledger_file: Path | None = None
    """JSON lines of all that was accepted; read again at the next start."""
    job_parameter: str = "job"
    """The query parameter of StatusCallback that names the caller's job, for the ledger."""
    attempt_parameter: str = "attempt"
    """The query parameter of StatusCallback that counts the caller's attempts."""
    faults: tuple[Rule, ...] = ()
    """Faults that are armed from the start."""


FIXED = frozenset(
    {
        "host",
        "port",
        "seed",
        "account_sid",
        "auth_token",
        "api_key",
        "api_secret",
        "callback_connections",
        "ledger_file",
        "faults",
    }
)
"""What cannot change while the simulator runs (faults have calls of their own)."""
