"""Caps: the most that goes out in an hour or a day, to one number and of the whole installation."""

from dataclasses import asdict, dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Each as `messaging.caps` in SQL has it; None is no cap.

    Those of a number hold for any hour and any day, those of the installation for an hour and a
    day of the clock, in UTC.
    """

    recipient_hour: int | None = None
    recipient_day: int | None = None
    messages_hour: int | None = None
    messages_day: int | None = None
    segments_hour: int | None = None
    segments_day: int | None = None
    usd_hour: Decimal | None = None
    usd_day: Decimal | None = None

    def __bool__(self) -> bool:
        return any(cap is not None for cap in asdict(self).values())

    def row(self) -> dict[str, str | None]:
        """As JSON takes it: a number in dollars keeps its digits."""
        return {name: None if cap is None else str(cap) for name, cap in asdict(self).items()}
