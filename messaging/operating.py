"""The settings of operating the service: where it listens, what it logs, and when it alerts."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr

from messaging.setting_groups import Seconds, named

Threshold = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Patience = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LifeSettings(BaseModel):
    """Signs of life and alerts."""

    pulse: Seconds = Field(
        10.0,
        validation_alias=named("MESSAGING_PULSE"),
        description="Between two signs of life of a process, and between two looks at alerts.",
    )
    stuck_after: Seconds = Field(
        60.0,
        validation_alias=named("MESSAGING_STUCK_AFTER"),
        description="A process that takes no task for so long, though it could, ends itself.",
    )
    alert_patience: Patience = Field(
        30.0,
        validation_alias=named("MESSAGING_ALERT_PATIENCE"),
        description="How long something must be wrong before its alert fires.",
    )
    alert_calm: Patience = Field(
        60.0,
        validation_alias=named("MESSAGING_ALERT_CALM"),
        description="How long it must be well before its alert is resolved.",
    )
    alert_silence: Seconds = Field(
        45.0,
        validation_alias=named("MESSAGING_ALERT_SILENCE"),
        description="Alert when a process has given no sign of life for so long.",
    )
    alert_queue_depth: Threshold = Field(
        50_000,
        validation_alias=named("MESSAGING_ALERT_QUEUE_DEPTH"),
        description="Alert at so many entries in a lane's queue; 0 for never, as below.",
    )
    alert_queue_age: Patience = Field(
        300.0,
        validation_alias=named("MESSAGING_ALERT_QUEUE_AGE"),
        description="Alert when the oldest pending job has been due for so long.",
    )
    alert_failure_rate: Share = Field(
        0.2,
        validation_alias=named("MESSAGING_ALERT_FAILURE_RATE"),
        description="Alert when this share of the latest texts failed or did not arrive.",
    )
    alert_in_doubt: Threshold = Field(
        50,
        validation_alias=named("MESSAGING_ALERT_IN_DOUBT"),
        description="Alert at so many jobs in doubt.",
    )
    alert_held: Threshold = Field(
        1,
        validation_alias=named("MESSAGING_ALERT_HELD"),
        description="Alert at so many jobs that wait for a person.",
    )
    alert_dead_letters: Threshold = Field(
        1,
        validation_alias=named("MESSAGING_ALERT_DEAD_LETTERS"),
        description="Alert at so many queue entries that nobody could read.",
    )
    alert_clock_skew: Patience = Field(
        5.0,
        validation_alias=named("MESSAGING_ALERT_CLOCK_SKEW"),
        description="Alert when a process's clock differs from the database's by so much.",
    )
    alert_bloat: Share = Field(
        0.5,
        validation_alias=named("MESSAGING_ALERT_BLOAT"),
        description="Alert when this share of a busy table's rows is dead, and 50,000 or more.",
    )
    alert_webhook_url: SecretStr | None = Field(
        None,
        validation_alias=named("MESSAGING_ALERT_WEBHOOK_URL"),
        description="Where alerts are posted to, as JSON, signed.",
    )
    alert_webhook_secret: SecretStr | None = Field(
        None,
        validation_alias=named("MESSAGING_ALERT_WEBHOOK_SECRET"),
        description="What the webhook's signature is made with (HMAC-SHA256).",
    )
    alert_command: str | None = Field(
        None,
        validation_alias=named("MESSAGING_ALERT_COMMAND"),
        description="A program to run for each alert, without a shell; it reads JSON.",
    )

    @property
    def rest(self) -> timedelta:
        """Between two looks at alerts, whoever looks: a little less than a pulse."""
        return timedelta(seconds=0.9 * self.pulse)

    @property
    def alert_channels(self) -> list[str]:
        """Who is to be told besides the log."""
        told = (("webhook", self.alert_webhook_url), ("command", self.alert_command))
        return [channel for channel, where in told if where]

    def misfits_of_life(self) -> Iterator[str]:
        """What does not fit together here, a sentence each."""
        if bool(self.alert_webhook_url) != bool(self.alert_webhook_secret):
            yield (
                "MESSAGING_ALERT_WEBHOOK_URL and MESSAGING_ALERT_WEBHOOK_SECRET go together: "
                "set both."
            )
        url = self.alert_webhook_url
        if url and not url.get_secret_value().startswith(("https://", "http://")):
            yield "MESSAGING_ALERT_WEBHOOK_URL: must begin with https:// or http://."
        if self.alert_silence < 3 * self.pulse:
            yield (
                "MESSAGING_ALERT_SILENCE must be at least three times MESSAGING_PULSE: "
                "one late sign of life is no silence."
            )


class RunningSettings(BaseModel):
    """Running."""

    host: str = Field(
        "127.0.0.1",
        validation_alias=named("MESSAGING_HOST"),
        description="The address that the web process listens on.",
    )
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=named("PORT", "MESSAGING_PORT"),
        description="The port of the web process.",
    )
    log_format: Literal["console", "json"] = Field(
        "console",
        validation_alias=named("MESSAGING_LOG_FORMAT"),
        description="console for people, json for machines.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        validation_alias=named("MESSAGING_LOG_LEVEL"),
        description="The least severe line that is printed.",
    )
