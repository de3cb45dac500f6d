"""What Celery's broker knows: how long its queues are, and who answers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from celery import Celery
from kombu.connection import Connection
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from messaging.domain.job import Lane
from messaging.domain.wording import plain
from messaging.errors import Unreachable
from messaging.settings import Settings

SENDING = tuple(f"deliver.{lane}" for lane in Lane)
"""The Celery queues of the workers that send."""
UPKEEP = ("bridge", "upkeep")
"""The Celery queues of everything else."""

_PATIENCE = 3
"""Seconds to connect to the broker, and to wait for an answer of its own."""
_FOR_A_SIGN = 1.5
"""Seconds that processes have to answer the call to all: nobody knows how many there are."""
_FOR_QUEUES = 5.0
"""Seconds that those who answered have to name their queues; the last answer ends the wait."""
_BEAT = "celerybeat@"
_AWAY = (OperationalError, KombuError, RedisError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The processes that answered: workers with their queues, and schedulers."""

    workers: Mapping[str, Sequence[str]]
    beats: Sequence[str]

    def taking(self, queue: str) -> list[str]:
        """The workers that take tasks from this queue."""
        return [name for name, queues in self.workers.items() if queue in queues]


def lengths(settings: Settings) -> dict[str, int]:
    """How many tasks wait in each Celery queue. Raises Unreachable."""
    with _connection(settings) as connection:
        channel = connection.default_channel
        # Declared as the workers do it: a Redis list without entries does not exist.
        declare = partial(channel.queue_declare, durable=True, auto_delete=False)
        return {name: int(declare(queue=name).message_count) for name in (*SENDING, *UPKEEP)}


def nodes(settings: Settings) -> Nodes:
    """Who answers a call to all processes. Raises Unreachable."""
    with _connection(settings) as connection:
        app = Celery("messaging", broker=connection.as_uri(include_password=True))
        app.conf.update(broker_transport_options=connection.transport_options)
        inspect = partial(app.control.inspect, connection=connection)
        answered = list(inspect(timeout=_FOR_A_SIGN).ping() or ())
        workers = [name for name in answered if not name.startswith(_BEAT)]
        ask = inspect(workers, timeout=_FOR_QUEUES, limit=len(workers))
        queues = (ask.active_queues() or {}) if workers else {}
        app.close()
    return Nodes(
        workers={name: [queue["name"] for queue in taken] for name, taken in queues.items()},
        beats=[name for name in answered if name.startswith(_BEAT)],
    )


def place(url: str) -> str:
    """Where a broker or a Redis is, without user and password."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address in REDIS_URL"
    return f"{parts.hostname or parts.path}{port}"


@contextmanager
def _connection(settings: Settings) -> Iterator[Connection]:
    url = settings.celery_broker_url
    is_redis = url.startswith(("redis", "unix"))
    options = {"socket_connect_timeout": _PATIENCE, "socket_timeout": _PATIENCE} if is_redis else {}
    try:
        with Connection(  # type: ignore[no-untyped-call]
            url, connect_timeout=_PATIENCE, transport_options=options
        ) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=_PATIENCE)
            yield connection
    except _AWAY as error:
        said = plain(str(error) or type(error).__name__).rstrip(".")
        raise Unreachable(f"Celery's broker at {place(url)} does not answer: {said}.") from error
