"""The settings of the guards: where texts may go, and how many."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from messaging.domain.caps import Caps
from messaging.domain.destinations import ANY, is_prefix, is_region
from messaging.setting_groups import named

Cap = Annotated[int | None, Field(ge=1)]
Dollars = Annotated[Decimal | None, Field(gt=0, allow_inf_nan=False)]


class GuardSettings(BaseModel):
    """Guards: where texts may go, and how many."""

    countries: str | None = Field(
        None,
        validation_alias=named("MESSAGING_COUNTRIES"),
        description="Where texts may go: US,CA, or * for all; unset: the country of TWILIO_FROM.",
    )
    blocked_prefixes: str | None = Field(
        None,
        validation_alias=named("MESSAGING_BLOCKED_PREFIXES"),
        description="What numbers begin with that are never texted: +8816,+88213.",
    )
    cap_recipient_hour: Cap = Field(
        None,
        validation_alias=named("MESSAGING_CAP_RECIPIENT_HOUR"),
        description="The most texts to one number in any hour; the rest wait until it may be.",
    )
    cap_recipient_day: Cap = Field(
        None,
        validation_alias=named("MESSAGING_CAP_RECIPIENT_DAY"),
        description="The most texts to one number in any 24 hours.",
    )
    cap_messages_hour: Cap = Field(
        None,
        validation_alias=named("MESSAGING_CAP_MESSAGES_HOUR"),
        description="The most messages of the installation in an hour of the clock (UTC).",
    )
    cap_messages_day: Cap = Field(
        None,
        validation_alias=named("MESSAGING_CAP_MESSAGES_DAY"),
        description="The same for a day (UTC).",
    )
    cap_segments_hour: Cap = Field(
        None,
        validation_alias=named("MESSAGING_CAP_SEGMENTS_HOUR"),
        description="The most segments of the installation in an hour of the clock (UTC).",
    )
    cap_segments_day: Cap = Field(
        None,
        validation_alias=named("MESSAGING_CAP_SEGMENTS_DAY"),
        description="The same for a day (UTC).",
    )
    cap_usd_hour: Dollars = Field(
        None,
        validation_alias=named("MESSAGING_CAP_USD_HOUR"),
        description="The most US dollars in an hour (UTC), by the table messaging.prices.",
    )
    cap_usd_day: Dollars = Field(
        None,
        validation_alias=named("MESSAGING_CAP_USD_DAY"),
        description="The same for a day (UTC).",
    )

    @property
    def caps(self) -> Caps | None:
        """The caps that are set; None where none is."""
        caps = Caps(
            recipient_hour=self.cap_recipient_hour,
            recipient_day=self.cap_recipient_day,
            messages_hour=self.cap_messages_hour,
            messages_day=self.cap_messages_day,
            segments_hour=self.cap_segments_hour,
            segments_day=self.cap_segments_day,
            usd_hour=self.cap_usd_hour,
            usd_day=self.cap_usd_day,
        )
        return caps or None

    @property
    def allowed_countries(self) -> frozenset[str]:
        """The countries that are set, or `*`; none where none is."""
        return frozenset(country.upper() for country in _listed(self.countries))

    @property
    def blocked(self) -> tuple[str, ...]:
        """What numbers begin with that are blocked by the settings."""
        return _listed(self.blocked_prefixes)

    def misfits_of_guards(self) -> Iterator[str]:
        """What is no country and no prefix, a sentence each."""
        for country in sorted(self.allowed_countries):
            if country != ANY and not is_region(country):
                yield (
                    f"MESSAGING_COUNTRIES: {country[:8]!r} is no country that has phone numbers: "
                    "write codes such as US,GB, or * for all."
                )
        for prefix in self.blocked:
            if not is_prefix(prefix):
                yield (
                    f"MESSAGING_BLOCKED_PREFIXES: {prefix[:20]!r} is nothing that numbers begin "
                    "with: write + and digits, such as +8816."
                )


def _listed(written: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (written or "").split(",") if part.strip())
