"""The settings of the breaker, and the rules that they make."""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import BaseModel, Field

from messaging.domain.breaker import Rules
from messaging.domain.silence import Patience
from messaging.setting_groups import Seconds, named


class BreakerSettings(BaseModel):
    """The breaker."""

    breaker_volume: int = Field(
        10,
        ge=1,
        validation_alias=named("MESSAGING_BREAKER_VOLUME"),
        description="Sending stops for failures only where it had so many results lately.",
    )
    breaker_share: float = Field(
        0.5,
        gt=0,
        le=1,
        validation_alias=named("MESSAGING_BREAKER_SHARE"),
        description="The share of these that must have failed: 5xx, silence, no connection.",
    )
    breaker_window: float = Field(
        30.0,
        ge=2,
        le=300,
        validation_alias=named("MESSAGING_BREAKER_WINDOW"),
        description="How far back results count; where many texts go out, two seconds are enough.",
    )
    breaker_first_wait: Seconds = Field(
        5.0,
        validation_alias=named("MESSAGING_BREAKER_FIRST_WAIT"),
        description="How long nothing is sent, before a single text tries whether it works again.",
    )
    breaker_longest_wait: Seconds = Field(
        30.0,
        validation_alias=named("MESSAGING_BREAKER_LONGEST_WAIT"),
        description="The wait doubles with each try that fails, up to this.",
    )

    breaker_silence: float = Field(
        1.5,
        ge=0.5,
        le=300,
        validation_alias=named("MESSAGING_BREAKER_SILENCE"),
        description="Sending stops where no request was answered for so long, and many wait; later "
        "where Twilio is slow. From MESSAGING_READ_TIMEOUT on, timeouts tell.",
    )

    @property
    def breaker_rules(self) -> Rules:
        """When the breaker opens, and for how long."""
        return Rules(
            volume=self.breaker_volume,
            share=self.breaker_share,
            window=timedelta(seconds=self.breaker_window),
            first=timedelta(seconds=self.breaker_first_wait),
            longest=timedelta(seconds=self.breaker_longest_wait),
        )

    def patience_within(self, answer: float) -> Patience:
        """How long silence is borne, where a single answer may take so many seconds."""
        return Patience(
            volume=self.breaker_volume,
            least=timedelta(seconds=self.breaker_silence),
            most=timedelta(seconds=answer),
        )

    def misfits_of_breaker(self) -> Iterator[str]:
        """What does not fit together here, a sentence each."""
        if self.breaker_longest_wait < self.breaker_first_wait:
            yield (
                "MESSAGING_BREAKER_LONGEST_WAIT must not be less than MESSAGING_BREAKER_FIRST_WAIT."
            )
