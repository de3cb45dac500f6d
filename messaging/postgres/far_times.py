"""Times that Postgres keeps and Python cannot: `infinity`, the years before Christ and after 9999.

No new row has one. Old rows may, and what a person writes by hand: they are read as the nearest
time that Python can reckon with, so that one of them holds nobody up.
"""

from datetime import UTC, date, datetime

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import Format

_FIRST, _LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)
"""Two days are left on each side, for clocks of any time zone."""


def reading() -> AdaptersMap:
    """How connections read what Postgres answers: as psycopg does, and any time as a time."""
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_loader("timestamptz", _AnyInstant)
    adapters.register_loader("timestamp", _AnyLocalTime)
    adapters.register_loader("date", _AnyDate)
    return adapters


class _AnyInstant(Loader):
    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        # psycopg's own loader is no class to inherit from.
        self._read = psycopg.adapters.get_loader(oid, Format.TEXT)(oid, context).load  # type: ignore[misc]

    def load(self, data: Buffer) -> datetime | date:
        try:
            read: datetime | date = self._read(data)
        except psycopg.DataError:
            return self._nearest(bytes(data))
        return read

    def _nearest(self, written: bytes) -> datetime | date:
        return _FIRST if written.startswith(b"-") or written.endswith(b"BC") else _LAST


class _AnyLocalTime(_AnyInstant):
    def _nearest(self, written: bytes) -> datetime | date:
        nearest = super()._nearest(written)
        return nearest.replace(tzinfo=None) if isinstance(nearest, datetime) else nearest


class _AnyDate(_AnyInstant):
    def _nearest(self, written: bytes) -> datetime | date:
        nearest = super()._nearest(written)
        return nearest.date() if isinstance(nearest, datetime) else nearest
