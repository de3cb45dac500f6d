"""The settings of deadlines, and of what follows a carrier's failure."""

from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Annotated

from pydantic import BaseModel, Field

from messaging.domain.job import Lane
from messaging.setting_groups import named

Lifetime = Annotated[float, Field(ge=1, le=315_360_000)]


class ExpirySettings(BaseModel):
    """Deadlines and carrier failures."""

    expires_urgent: Lifetime | None = Field(
        None,
        validation_alias=named("MESSAGING_EXPIRES_URGENT"),
        description="After how long an urgent text without a deadline expires; unset: never.",
    )
    expires_normal: Lifetime | None = Field(
        None,
        validation_alias=named("MESSAGING_EXPIRES_NORMAL"),
        description="The same for all other texts.",
    )
    hurry_within: float = Field(
        120.0,
        ge=0,
        le=86_400,
        validation_alias=named("MESSAGING_HURRY_WITHIN"),
        description="A waiting text that expires so soon overtakes the others; 0: none does.",
    )
    max_carrier_retries: int = Field(
        0,
        ge=0,
        le=3,
        validation_alias=named("MESSAGING_MAX_CARRIER_RETRIES"),
        description="How often a text is sent again that a carrier could not deliver for a reason "
        "that passes, where it does not say itself.",
    )
    dead_number_days: float = Field(
        30.0,
        ge=0,
        le=3650,
        validation_alias=named("MESSAGING_DEAD_NUMBER_DAYS"),
        description="How long a number that takes no texts is spared; 0: none is remembered.",
    )

    @property
    def lifetimes(self) -> Mapping[Lane, timedelta]:
        """After how long a text without a deadline expires, for lanes where it does."""
        times = {Lane.URGENT: self.expires_urgent, Lane.NORMAL: self.expires_normal}
        return {lane: timedelta(seconds=time) for lane, time in times.items() if time}


def hurried_at_once(sends_per_second: float | None) -> int:
    """The most texts that wait in the urgent queue because they expire soon: a second's worth."""
    return ceil(sends_per_second or 500)
