"""A database that goes back in time: what it was before some sends, with Twilio as it is now."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg

from messaging import runtime
from messaging.local.postgres import EmbeddedPostgres
from messaging.runtime import Runtime
from messaging.settings import load

_numbers = count(1)


@contextmanager
def backup(server: EmbeddedPostgres, url: str) -> Iterator[str]:
    """The URL of a copy of the database at `url`, which nobody may be connected to meanwhile."""
    host, _, original = url.rpartition("/")
    name = f"backup_{next(_numbers)}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [original]
        )
        conn.execute(f"create database {name} template {original}".encode())
        try:
            yield f"{host}/{name}"
        finally:
            conn.execute(f"drop database {name} with (force)".encode())


@contextmanager
def at_work(environment: dict[str, str], url: str) -> Iterator[Runtime]:
    """A runtime on that database."""
    rt = runtime.build(load({**environment, "DATABASE_URL": url}))
    try:
        yield rt
    finally:
        rt.close()
