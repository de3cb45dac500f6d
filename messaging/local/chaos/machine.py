"""Where a run took place, and with which versions of everything."""

import os
import platform
from importlib.metadata import version

import redis
from psycopg import Connection
from psycopg.rows import TupleRow

from messaging.local.chaos.outcome import Place
from messaging.postgres.figures import versions

_PACKAGES = ("celery", "kombu", "redis", "psycopg", "twilio")


def place(conn: Connection[TupleRow], redis_url: str) -> Place:
    """This machine, and these servers."""
    server = versions(conn)
    with redis.Redis.from_url(redis_url) as client:
        about = client.info("server")
    valkey = about.get("valkey_version") or about.get("redis_version")
    return Place(
        system=platform.platform(),
        cores=os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
        versions={
            "messaging": version("messaging"),
            "Python": platform.python_version(),
            "PostgreSQL": server.postgres,
            "pgmq": server.pgmq or "none",
            "Valkey": str(valkey),
            **{name: version(name) for name in _PACKAGES},
        },
    )
