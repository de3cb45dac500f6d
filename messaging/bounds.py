"""Bounds: where texts may go, by the settings and the table together, read now and then."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from messaging.domain.destinations import ANY, Destinations, home_of
from messaging.postgres import guards
from messaging.postgres.jobs import Postgres
from messaging.settings import Settings

_LASTING = 5.0
"""Seconds for which the table is not read again."""


class Bounds:
    """One a process. Its methods may be called from any thread."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read yet."""
        self._settings = settings
        self._monotonic = monotonic
        self._known: tuple[float, Destinations] | None = None

    def of(self, connection: Callable[[], AbstractContextManager[Postgres]]) -> Destinations:
        """Where texts may go, as it was some seconds ago at most; read over such a connection.

        Raises psycopg.OperationalError or psycopg_pool.PoolTimeout where Postgres is away.
        """
        now, known = self._monotonic(), self._known
        if known is None or now - known[0] >= _LASTING:
            with connection() as conn:
                rules = guards.destinations(conn)
            known = self._known = (now, together(self._settings, rules))
        return known[1]


def together(settings: Settings, rules: list[tuple[str, str]]) -> Destinations:
    """What the settings and the table's rules say together.

    Where neither names a country, it is the sender's own; where that is not known, all are.
    """
    named = {what for rule, what in rules if rule == "allow"} | settings.allowed_countries
    blocked = {what for rule, what in rules if rule == "block"} | set(settings.blocked)
    countries: frozenset[str] | None = frozenset(named)
    if not named:
        countries = home_of(_sender(settings))
    elif ANY in named:
        countries = None
    return Destinations(countries=countries, blocked=tuple(sorted(blocked)))


def _sender(settings: Settings) -> str | None:
    """The number that texts come from; None where a messaging service chooses it."""
    return None if settings.twilio_messaging_service_sid else settings.twilio_from
