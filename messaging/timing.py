"""The settings of the hour: quiet hours, the zone where none is known, and series."""

from datetime import timedelta
from functools import cached_property

from pydantic import BaseModel, Field, field_validator

from messaging.consenting import are_categories, categories_in
from messaging.domain.category import Category
from messaging.domain.hours import Hours
from messaging.domain.quiet_hours import QuietHours
from messaging.domain.recurrence import Bounds
from messaging.domain.zones import zone
from messaging.errors import Refused
from messaging.setting_groups import Seconds, named

_OFF, _LAW = "off", "law"


class HourSettings(BaseModel):
    """Quiet hours and series."""

    quiet_hours_marketing: str = Field(
        "21:00-08:00",
        validation_alias=named("MESSAGING_QUIET_HOURS_MARKETING"),
        description="When no marketing goes out, on the recipient's clock; off for never.",
    )
    quiet_hours_transactional: str = Field(
        _OFF,
        validation_alias=named("MESSAGING_QUIET_HOURS_TRANSACTIONAL"),
        description="The same for all other texts that are not urgent.",
    )
    quiet_hours_by_law: bool = Field(
        True,
        validation_alias=named("MESSAGING_QUIET_HOURS_BY_LAW"),
        description="Whether marketing also keeps the hours of the country or US state.",
    )
    quiet_holidays: str = Field(
        _LAW,
        validation_alias=named("MESSAGING_QUIET_HOLIDAYS"),
        description="law: holidays rest where laws say so; off; or categories that rest on all.",
    )
    time_zone: str = Field(
        "UTC",
        validation_alias=named("MESSAGING_TIME_ZONE"),
        description="The time zone of recipients whose own is not known, nor their number's.",
    )
    series_most: int = Field(
        1000,
        ge=1,
        le=100_000,
        validation_alias=named("MESSAGING_SERIES_MOST"),
        description="How many occurrences a series may have.",
    )
    series_shortest: Seconds = Field(
        3600.0,
        validation_alias=named("MESSAGING_SERIES_SHORTEST"),
        description="How far apart two occurrences of a series must be.",
    )
    series_ahead: Seconds = Field(
        172_800.0,
        validation_alias=named("MESSAGING_SERIES_AHEAD"),
        description="How long before its time an occurrence becomes a message.",
    )

    @field_validator("quiet_hours_marketing", "quiet_hours_transactional")
    @classmethod
    def _is_time_of_day(cls, written: str) -> str:
        try:
            _hours(written)
        except Refused as refusal:
            raise ValueError(str(refusal).removesuffix(".")) from None
        return written

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            zone(name)
        except Refused as refusal:
            raise ValueError(str(refusal).removesuffix(".")) from None
        return name

    @field_validator("quiet_holidays")
    @classmethod
    def _are_known(cls, written: str) -> str:
        known = written.strip().lower()
        if known in (_OFF, _LAW):
            return known
        try:
            return are_categories(written)
        except ValueError as error:
            raise ValueError(f"takes law, off or categories: {error}") from None

    @cached_property
    def quiet_hours(self) -> QuietHours:
        """The quiet hours that these settings describe."""
        own = {
            Category.MARKETING: _hours(self.quiet_hours_marketing),
            Category.TRANSACTIONAL: _hours(self.quiet_hours_transactional),
        }
        return QuietHours(
            own={category: hours for category, hours in own.items() if hours},
            by_law=self.quiet_hours_by_law,
            holidays_by_law=self.quiet_holidays != _OFF,
            resting=_resting(self.quiet_holidays),
            default_zone=self.time_zone,
        )

    @property
    def series_bounds(self) -> Bounds:
        """What a series may ask for."""
        return Bounds(most=self.series_most, shortest=timedelta(seconds=self.series_shortest))


def _resting(written: str) -> frozenset[Category]:
    return frozenset() if written in (_OFF, _LAW) else categories_in(written)


def _hours(quiet: str) -> Hours | None:
    return None if quiet.strip().lower() == _OFF else Hours.outside(quiet)
