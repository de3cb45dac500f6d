"""The settings of the throttle, and what follows from them."""

from datetime import timedelta

from pydantic import BaseModel, Field

from messaging.domain.pacing import Limit, Pace, RateUnit, pace
from messaging.setting_groups import named


class LimitSettings(BaseModel):
    """Rate limits."""

    rate_limit_per_second: int | None = Field(
        None,
        ge=1,
        validation_alias=named(
            "TWILIO_RATE_LIMIT_PER_SECOND", "PRIVATE_TWILIO_RATE_LIMIT_PER_SECOND"
        ),
        description="What may start in any second, over all workers, evenly; unset: no limit.",
    )
    rate_limit_per_minute: int | None = Field(
        None,
        ge=1,
        validation_alias=named(
            "TWILIO_RATE_LIMIT_PER_MINUTE", "PRIVATE_TWILIO_RATE_LIMIT_PER_MINUTE"
        ),
        description="What may start in any minute, over all workers, evenly; unset: no limit.",
    )
    rate_limit_unit: RateUnit = Field(
        RateUnit.MESSAGES,
        validation_alias=named("TWILIO_RATE_LIMIT_UNIT"),
        description="What the two limits count: messages, or segments, as Twilio counts senders.",
    )
    urgent_share: float = Field(
        0.2,
        ge=0,
        le=1,
        validation_alias=named("MESSAGING_URGENT_SHARE"),
        description="The share of a rate limit that urgent messages get before all others.",
    )

    @property
    def sends_per_second(self) -> float | None:
        """The stricter of the two rate limits, a second; None where there is none."""
        rates = []
        if self.rate_limit_per_second:
            rates.append(float(self.rate_limit_per_second))
        if self.rate_limit_per_minute:
            rates.append(self.rate_limit_per_minute / 60)
        return min(rates, default=None)

    @property
    def tasks_per_second(self) -> str | None:
        """The fuse of one worker, as Celery writes a `rate_limit`; None where there is no limit.

        A task has one text at least. It is one a second at least: with a slower limit, tasks that
        find no slot put their texts off, and must not keep others from a slot that there is.
        """
        rate = self.sends_per_second
        return f"{max(1.0, rate):g}/s" if rate else None

    @property
    def pace(self) -> Pace | None:
        """The pace that keeps both rate limits; None where there is none."""
        windows = (
            (self.rate_limit_per_second, timedelta(seconds=1)),
            (self.rate_limit_per_minute, timedelta(minutes=1)),
        )
        return pace([Limit(count=count, window=window) for count, window in windows if count])

    @property
    def counts_segments(self) -> bool:
        """Whether the rate limits count segments; else they count messages."""
        return self.rate_limit_unit is RateUnit.SEGMENTS
