"""Reading from a replica where there is one, and from the database itself where that fails."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg

from messaging.postgres import connect
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query
from messaging.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Generic[T]):
    """What was read. `behind` is how many seconds old the replica's picture was.

    None where the database itself was read.
    """

    value: T
    behind: float | None


def read(
    settings: Settings, look: Callable[[Postgres], T], away: Callable[[psycopg.Error], None]
) -> Seen[T]:
    """What `look` finds, at the replica where one is set.

    `away` is told why the replica was of no use; then the database itself is looked at. So it is
    where the replica does not have what is looked for (None): it may be too new.
    """
    if settings.database_read_url:
        try:
            seen = _at_replica(settings.database_read_url.get_secret_value(), look)
        except psycopg.Error as error:
            away(error)
        else:
            if seen.value is not None:
                return seen
    url = settings.database_url.get_secret_value()
    with psycopg.connect(url, autocommit=True, **connect.OPTIONS) as conn:
        return Seen(value=look(conn), behind=None)


def _at_replica(url: str, look: Callable[[Postgres], T]) -> Seen[T]:
    try:
        connection = psycopg.connect(url, autocommit=True, **connect.OPTIONS)
    except psycopg.ProgrammingError:  # its words may quote a part of the password
        raise psycopg.OperationalError("the address cannot be read") from None
    with connection as conn:
        behind = conn.execute(query("figures", "behind")).fetchone()
        return Seen(value=look(conn), behind=float(behind[0]) if behind else 0.0)
