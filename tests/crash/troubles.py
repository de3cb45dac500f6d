"""Trouble with Postgres, Redis and Twilio: each begins, lasts as long as its block, and is over."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

import psycopg
import redis

from messaging.local.postgres import EmbeddedPostgres
from messaging.local.proxy import Proxy
from tests.stack.stack import Stack

Trouble = Callable[[Stack, EmbeddedPostgres], AbstractContextManager[None]]

_NO_SPACE = """
create or replace function public.no_space() returns trigger
language plpgsql
as $$
begin
  raise exception 'could not extend file: No space left on device' using errcode = '53100';
end
$$
"""
"""What a full disk looks like: statements that write are refused."""
_WRITTEN = ("public.message_jobs", "messaging.message_events")


@contextmanager
def postgres_killed(stack: Stack, server: EmbeddedPostgres) -> Iterator[None]:
    os.kill(server.pid, signal.SIGKILL)
    stack.disconnect()
    try:
        yield
    finally:
        server.launch()


@contextmanager
def postgres_read_only(stack: Stack, server: EmbeddedPostgres) -> Iterator[None]:
    change(server, "alter system set default_transaction_read_only = on")
    try:
        yield
    finally:
        change(server, "alter system reset default_transaction_read_only")


@contextmanager
def postgres_full(stack: Stack, server: EmbeddedPostgres) -> Iterator[None]:
    # A table at a time: whoever locks two of them may wait in a circle with those who write.
    stack.db.execute(_NO_SPACE.encode())
    for table in _WRITTEN:
        stack.db.execute(
            f"create trigger zz_full before insert or update on {table} "
            "for each statement execute function public.no_space()".encode()
        )
    try:
        yield
    finally:
        for table in _WRITTEN:
            stack.db.execute(f"drop trigger zz_full on {table}".encode())


@contextmanager
def postgres_without_connections(stack: Stack, server: EmbeddedPostgres) -> Iterator[None]:
    """Every process loses its connections, and all places are taken."""
    with ExitStack() as taken:
        for _ in range(5):
            take_all(taken, server)
            stack.db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name like 'messaging%'"
            )
        take_all(taken, server)
        yield


def take_all(taken: ExitStack, server: EmbeddedPostgres) -> None:
    """Opens connections until Postgres has none left."""
    try:
        while True:
            taken.enter_context(psycopg.connect(server.url, autocommit=True))
    except psycopg.OperationalError:
        return


@contextmanager
def redis_killed(stack: Stack, server: EmbeddedPostgres) -> Iterator[None]:
    os.kill(stack.valkey.pid, signal.SIGKILL)
    try:
        yield
    finally:
        stack.valkey.launch()


@contextmanager
def redis_wiped(stack: Stack, server: EmbeddedPostgres) -> Iterator[None]:
    with redis.Redis.from_url(stack.valkey.url) as client:
        client.flushall()
        yield
        client.flushall()


def dark(link: Callable[[Stack], Proxy]) -> Trouble:
    """Nothing gets through the link any more, and nobody is told."""

    @contextmanager
    def trouble(stack: Stack, server: EmbeddedPostgres) -> Iterator[None]:
        link(stack).blackhole()
        try:
            yield
        finally:
            link(stack).pass_on()

    return trouble


def refused(link: Callable[[Stack], Proxy]) -> Trouble:
    """Open connections are reset, and new ones refused."""

    @contextmanager
    def trouble(stack: Stack, server: EmbeddedPostgres) -> Iterator[None]:
        link(stack).refuse()
        try:
            yield
        finally:
            link(stack).pass_on()

    return trouble


def change(server: EmbeddedPostgres, statement: str) -> None:
    """Changes the whole server, now."""
    with psycopg.connect(
        server.url, autocommit=True, options="-c default_transaction_read_only=off"
    ) as conn:
        conn.execute(statement.encode())
        conn.execute("select pg_reload_conf()")


OF_POSTGRES: Mapping[str, Trouble] = {
    "killed": postgres_killed,
    "read-only": postgres_read_only,
    "full": postgres_full,
    "out of connections": postgres_without_connections,
    "unreachable": refused(lambda stack: stack.links.postgres),
    "silent": dark(lambda stack: stack.links.postgres),
}
OF_REDIS: Mapping[str, Trouble] = {
    "killed": redis_killed,
    "wiped": redis_wiped,
    "unreachable": refused(lambda stack: stack.links.redis),
    "silent": dark(lambda stack: stack.links.redis),
}
