"""What `messaging up` tells its processes: their settings, from ours and what it starts itself."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from messaging.local.simulator.config import (
    DEFAULT_ACCOUNT_SID,
    DEFAULT_AUTH_TOKEN,
    DEFAULT_MESSAGING_SERVICE_SID,
)
from messaging.settings import Settings, load, names_of

_REPLACED = (
    "twilio_account_sid",
    "twilio_auth_token",
    "twilio_api_key",
    "twilio_api_secret",
    "twilio_messaging_service_sid",
    "twilio_from",
    "twilio_status_callback_url",
    "public_base_url",
)
"""Settings that must not lead from the simulator to somebody's account or public address."""

_DEFAULTS = {
    "PYTHONUNBUFFERED": "1",  # lines come when they are printed
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser",  # on one's own machine
    "FLOWER_LOGGING": "warning",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Variables for child processes: those we were given, and those that were added."""

    given: Mapping[str, str]
    added: Mapping[str, str]

    @classmethod
    def ours(cls) -> Self:
        """What this process was started with."""
        return cls(given=dict(os.environ), added={})

    @property
    def variables(self) -> dict[str, str]:
        """All of them, for a child."""
        return {**_DEFAULTS, **self.given, **self.added}

    def has(self, field: str) -> bool:
        """Whether a setting is given, under any of its names or as a file."""
        names = names_of(field)
        files = [f"{name}_FILE" for name in names]
        return any(self.given.get(name, "").strip() for name in (*names, *files))

    @property
    def is_simulated(self) -> bool:
        """Whether no credentials for the real Twilio are given."""
        return not self.has("twilio_account_sid")

    def with_(self, **more: str) -> Self:
        """These too; they win."""
        return replace(self, added={**self.added, **more})

    def with_simulator(self, simulator_url: str, web_url: str) -> Self:
        """Twilio is the simulator, which reports to our web process."""
        names = {name for field in _REPLACED for name in names_of(field)}
        kept = {
            name: value
            for name, value in self.given.items()
            if name.removesuffix("_FILE") not in names
        }
        return replace(self, given=kept).with_(
            TWILIO_ACCOUNT_SID=DEFAULT_ACCOUNT_SID,
            TWILIO_AUTH_TOKEN=DEFAULT_AUTH_TOKEN,
            TWILIO_MESSAGING_SERVICE_SID=DEFAULT_MESSAGING_SERVICE_SID,
            TWILIO_API_BASE_URL=simulator_url,
            PUBLIC_BASE_URL=web_url,
        )

    def settings(self) -> Settings:
        """As a child will read them. Raises Misconfigured with all that is wrong."""
        return load(self.variables)
