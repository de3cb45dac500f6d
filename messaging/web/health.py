"""Whether this process can do its work: the parts that it needs, each with a sentence."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from messaging.domain.standing import Standing
from messaging.postgres.migrate import all_migrations
from messaging.postgres.named import query
from messaging.redis.breaker import questions, standings

_PATIENCE = 3.0

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part that the process needs."""

    name: str
    ok: bool
    sentence: str


async def parts(pool: Pool, redis: Redis) -> tuple[Part, ...]:
    """The database and Redis as they are now; takes at most three seconds."""
    return tuple(await asyncio.gather(_database(pool), _redis(redis)))


async def alerts(pool: Pool) -> int | None:
    """How many alerts fire, which makes no process less ready; None where that is not known."""
    try:
        async with asyncio.timeout(_PATIENCE), pool.connection() as conn:
            rows = await (await conn.execute(query("alerts", "firing"))).fetchall()
    except (psycopg.Error, TimeoutError):
        return None
    return sum(int(number) for _, number in rows)


async def stops(pool: Pool) -> list[str] | None:
    """What a person has stopped, which makes no process less ready; None where it is not known."""
    try:
        async with asyncio.timeout(_PATIENCE), pool.connection() as conn:
            rows = await (await conn.execute(query("guards", "stopped"))).fetchall()
    except (psycopg.Error, TimeoutError):
        return None
    return [what for (what,) in rows]


async def breakers(redis: Redis, keys: Sequence[str]) -> list[Standing] | None:
    """How the breakers stand, which makes no process less ready; None where Redis is away."""
    try:
        async with asyncio.timeout(_PATIENCE), redis.pipeline(transaction=False) as pipe:
            return standings(await questions(pipe, keys).execute())
    except (RedisError, OSError, TimeoutError):
        return None


def redis_client(url: str) -> Redis:
    """A client that gives up after three seconds instead of trying again."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=_PATIENCE,
        socket_connect_timeout=_PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )


async def _database(pool: Pool) -> Part:
    try:
        async with asyncio.timeout(_PATIENCE):
            missing = await _missing_migrations(pool)
    except (psycopg.Error, TimeoutError) as error:
        return _failed("database", "Postgres does not answer", error)
    if missing:
        sentence = f"Postgres lacks {missing} of our migrations: run `messaging migrate`."
        return Part(name="database", ok=False, sentence=sentence)
    return Part(name="database", ok=True, sentence="Postgres answers and is migrated.")


async def _missing_migrations(pool: Pool) -> int:
    wanted = {migration.version for migration in all_migrations()}
    async with pool.connection() as conn:
        has_ledger = await (await conn.execute(query("migrations", "has_ledger"))).fetchone()
        if not has_ledger or not has_ledger[0]:
            return len(wanted)
        applied = await (await conn.execute(query("migrations", "applied"))).fetchall()
    return len(wanted - {version for version, *_ in applied})


async def _redis(redis: Redis) -> Part:
    try:
        async with asyncio.timeout(_PATIENCE):
            await redis.ping()
    except (RedisError, OSError, TimeoutError) as error:
        return _failed("redis", "Redis does not answer", error)
    return Part(name="redis", ok=True, sentence="Redis answers.")


def _failed(name: str, what: str, error: BaseException) -> Part:
    return Part(name=name, ok=False, sentence=f"{what} ({type(error).__name__}).")
