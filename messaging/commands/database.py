"""One connection for one command, and the sentence to say when Postgres does not do its part."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from messaging.commands.screen import Screen
from messaging.domain.wording import span
from messaging.errors import Misconfigured, Unreachable
from messaging.outages import reason_of
from messaging.postgres.connect import OPTIONS
from messaging.postgres.jobs import Postgres
from messaging.postgres.reading import Seen, read
from messaging.settings import Settings

T = TypeVar("T")

_NOT_MIGRATED = (
    errors.UndefinedTable,
    errors.UndefinedFunction,
    errors.UndefinedColumn,
    errors.UndefinedObject,
    errors.InvalidSchemaName,
)
_AWAY = ("08", "57P")
"""Classes of SQLSTATE: connection exceptions, and servers that are shut down or starting."""
_PREFIX = re.compile(r"^.*(?:failed|FATAL): *")
_UNREADABLE = (
    "DATABASE_URL cannot be read: write postgresql://user:password@host:5432/database, with "
    "special signs in the password as %XX."
)
"""Said without what psycopg says, which may quote a part of the password."""


@contextmanager
def database(settings: Settings) -> Iterator[Postgres]:
    """A connection on which every statement commits.

    Raises Unreachable or Misconfigured, with a sentence, for everything that Postgres refuses.
    """
    url = settings.database_url.get_secret_value()
    with answering(url), psycopg.connect(url, autocommit=True, **OPTIONS) as conn:
        yield conn


def look(screen: Screen, settings: Settings, ask: Callable[[Postgres], T]) -> Seen[T]:
    """What `ask` finds, at the replica where there is one; says how old its picture is.

    Raises as `database` does. Where the replica is away, that is said, and the database is asked.
    """

    def away(error: psycopg.Error) -> None:
        reason = reason_of(error) if error.sqlstate else "it does not answer"
        screen.doubtful(f"The replica in DATABASE_READ_URL was not read: {reason}.")

    with answering(settings.database_url.get_secret_value()):
        seen = read(settings, ask, away)
    if seen.behind is not None and seen.behind >= 1:
        screen.doubtful(f"Read from a replica, {span(timedelta(seconds=seen.behind))} behind.")
    return seen


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Turns what psycopg raises about the database at `url` into sentences, without secrets."""
    try:
        yield
    except errors.LockNotAvailable as error:
        raise Unreachable(
            "A table was locked for longer than the command may wait. Try again at a quieter "
            "time, or with a longer --lock-timeout."
        ) from error
    except _NOT_MIGRATED as error:
        raise Misconfigured(
            f"The database at {place(url)} is not migrated: run `messaging migrate`. "
            f"Postgres said: {_first_line(error)}."
        ) from error
    except psycopg.OperationalError as error:
        raise Unreachable(_unreachable(url, error)) from error
    except psycopg.ProgrammingError as error:
        raise Misconfigured(_misread(url, error)) from error
    except psycopg.Error as error:
        raise Unreachable(f"Postgres at {place(url)} refused: {_first_line(error)}.") from error


def place(url: str) -> str:
    """Where a database is, without user and password: `127.0.0.1:5432/messaging`."""
    parts = _parts(url)
    if parts is None:
        return "the address in DATABASE_URL"
    host, port, name = parts
    return f"{host}{f':{port}' if port else ''}{f'/{name}' if name else ''}"


def _parts(url: str) -> tuple[str, str, str] | None:
    """Host, port and name; None where a sign in the password made the address unreadable."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return None
    host = str(parts.get("host") or parts.get("hostaddr") or "the local socket")
    port, name = str(parts.get("port") or ""), str(parts.get("dbname") or "")
    return None if "@" in host + port + name else (host, port, name)


def _unreachable(url: str, error: psycopg.OperationalError) -> str:
    said = _first_line(error)
    if _parts(url) is None:
        return _UNREADABLE
    if error.sqlstate and not error.sqlstate.startswith(_AWAY):
        return f"Postgres at {place(url)} refused: {said}."
    if "FATAL:" in str(error):
        return f"Postgres at {place(url)} does not let us in: {said}. Check DATABASE_URL."
    return (
        f"Postgres at {place(url)} does not answer: {said}. Check that it runs, and DATABASE_URL."
    )


def _misread(url: str, error: psycopg.ProgrammingError) -> str:
    if error.sqlstate:
        return f"Postgres at {place(url)} refused: {_first_line(error)}."
    return _UNREADABLE


def _first_line(error: psycopg.Error) -> str:
    lines = (error.diag.message_primary or str(error)).strip().splitlines()
    return _PREFIX.sub("", lines[0] if lines else type(error).__name__).strip().rstrip(".")
