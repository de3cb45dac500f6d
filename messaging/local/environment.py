"""What `messaging up` tells its processes: their settings, from ours and what it starts itself."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from messaging.local.ports import LOOPBACK
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Variables for a child process; grows by copies."""

    variables: Mapping[str, str]

    @classmethod
    def ours(cls) -> Self:
        """What this process was started with."""
        return cls(variables=dict(os.environ) | {"PYTHONUNBUFFERED": "1"})

    def has(self, field: str) -> bool:
        """Whether a setting is given, under any of its names or as a file."""
        names = names_of(field)
        return any(
            self.variables.get(name, "").strip()
            for name in (*names, *(f"{name}_FILE" for name in names))
        )

    def with_(self, **more: str) -> Self:
        """These too; they win."""
        return replace(self, variables={**self.variables, **more})

    def with_simulator(self, port: int) -> Self:
        """Twilio is the simulator on that port: no account and no public address is touched."""
        names = {name for field in _REPLACED for name in names_of(field)}
        kept = {
            key: value
            for key, value in self.variables.items()
            if key.removesuffix("_FILE") not in names
        }
        return replace(self, variables=kept).with_(
            TWILIO_ACCOUNT_SID=DEFAULT_ACCOUNT_SID,
            TWILIO_AUTH_TOKEN=DEFAULT_AUTH_TOKEN,
            TWILIO_MESSAGING_SERVICE_SID=DEFAULT_MESSAGING_SERVICE_SID,
            TWILIO_API_BASE_URL=f"http://{LOOPBACK}:{port}",
        )

    def settings(self) -> Settings:
        """As a child will read them. Raises Misconfigured with all that is wrong."""
        return load(self.variables)
