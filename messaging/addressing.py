"""Addresses with passwords in them: whether they can be read, and how they may be shown.

A library that cannot read an address quotes it, or the part that it stumbles over, which is the
password where that has a special sign in it. So each address is read once, here, when the settings
are loaded, and the sentence about one that is wrong quotes nothing.
"""

import re
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

_ENCODE = "with special signs in the user and the password as %XX"
_PLACE = re.compile(r"[A-Za-z0-9._:%-]+")
"""A host name or an address, without the brackets of IPv6."""
_CREDENTIALS = re.compile(r"(?<=://)[^\s/?#\"'<>]*@")
_IN_QUERY = re.compile(r"(?i)([?&](?:ssl)?pass(?:word|wd)=)[^&\s\"']+")
_BEGINNING = "must begin with postgresql://"

_Render = Callable[[Any, str, MutableMapping[str, Any]], Any]
"""What makes a line of a log of an event, as structlog has it."""


class _Secret(Protocol):
    def get_secret_value(self) -> str: ...


_Kept = TypeVar("_Kept", bound=_Secret)


def masked(text: str) -> str:
    """The text with stars in place of users and passwords in addresses."""
    return _IN_QUERY.sub(r"\1***", _CREDENTIALS.sub("***@", text))


def masking(render: _Render) -> _Render:
    """The same for the lines of a log: libraries may quote the address that they connect to."""

    def masks(logger: Any, method: str, line: MutableMapping[str, Any]) -> str:
        return masked(str(render(logger, method, line)))

    return masks


def readable(why_not: Callable[[str], str | None]) -> Callable[[_Kept], _Kept]:
    """A check of a setting, for pydantic, of what such a question says of its address."""

    def check(url: _Kept) -> _Kept:
        if reason := why_not(url.get_secret_value()):
            raise ValueError(reason)
        return url

    return check


def why_no_postgres(url: str) -> str | None:
    """What is wrong with the address of a database; None if libpq reads it as it is meant."""
    if reason := why_no_replica(url):
        return reason
    if _is_database(url):
        return None
    return f"cannot be read: write postgresql://user:password@host:5432/database, {_ENCODE}"


def why_no_replica(url: str) -> str | None:
    """The same of a replica, which the service can do without: that it cannot be read is told
    where it is asked.
    """
    return None if url.startswith(("postgresql://", "postgres://")) else _BEGINNING


def why_no_redis(url: str) -> str | None:
    """What is wrong with the address of a Redis; None if it can be read."""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        return "must begin with redis:// or rediss://"
    if url.startswith("unix://") or _answers(_is_redis, url):
        return None
    return f"cannot be read: write redis://:password@host:6379/0, {_ENCODE}"


def why_no_broker(urls: str) -> str | None:
    """What is wrong with the address of a Celery broker, or several with semicolons between."""
    if all(_answers(_is_plain, url) for url in urls.split(";")):
        return None
    return f"cannot be read: write amqp://user:password@host:5672//, {_ENCODE}"


def _is_database(url: str) -> bool:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        return False
    hosts = [host for host in str(parts.get("host", "")).split(",") if host]
    ports = [port for port in str(parts.get("port", "")).split(",") if port]
    # What follows the first slash is no part of a password, which must have %2F in its place.
    rest = url.partition("://")[2].partition("/")[2].partition("?")[0]
    return (
        all(host.startswith("/") or _PLACE.fullmatch(host) for host in hosts)
        and all(port.isdecimal() for port in ports)
        and "@" not in rest
    )


def _is_redis(url: str) -> bool:
    parts = urlsplit(url)
    database = parts.path.removeprefix("/")
    if not (_is_plain(url) and parts.hostname and (not database or database.isdecimal())):
        return False
    if parts.username and not parts.password:  # a password without its colon, which Celery shows
        return False
    if parts.query:
        from redis.connection import parse_url

        parse_url(url)  # type: ignore[no-untyped-call]
    return True


def _is_plain(url: str) -> bool:
    """Raises ValueError where the port is no number."""
    parts = urlsplit(url)
    is_place = parts.hostname is None or _PLACE.fullmatch(parts.hostname) is not None
    return (
        (parts.port is None or parts.port > 0)
        and is_place
        and "@" not in parts.path
        and not (parts.fragment)
    )


def _answers(question: Callable[[str], bool], url: str) -> bool:
    try:
        return question(url)
    except ValueError:
        return False
