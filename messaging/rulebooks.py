"""Rulebooks: the rules that this process asks, written down where they can be looked up by key."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from messaging.domain.destinations import Destinations
from messaging.domain.review import Rulebook
from messaging.domain.rulebooks import write
from messaging.postgres import rulebooks
from messaging.postgres.jobs import Postgres
from messaging.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A rulebook, and the key under which it is on record."""

    rules: Rulebook
    key: str


class Rulebooks:
    """One a process. Its methods may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is written yet."""
        self._settings = settings
        self._known: tuple[Destinations, Book] | None = None

    def of(
        self,
        connection: Callable[[], AbstractContextManager[Postgres]],
        destinations: Destinations,
    ) -> Book:
        """The rules to ask now. They are on record, also after a restore: whenever `destinations`
        were read anew, they are written again.

        Raises psycopg.OperationalError or psycopg_pool.PoolTimeout where Postgres is away.
        """
        known = self._known
        if known is not None and known[0] is destinations:
            return known[1]
        rules = self._settings.rulebook(destinations)
        written = write(rules)
        with connection() as conn:
            rulebooks.keep(conn, written)
        book = Book(rules=rules, key=written.key)
        self._known = (destinations, book)
        return book
