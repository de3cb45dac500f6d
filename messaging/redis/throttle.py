"""How many sends may start now, over all workers: limits a second and a minute, and the pause.

The state lives in Redis and may be lost at any moment; then counting begins anew.
"""

from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files

import redis

from messaging.settings import Settings

AWAY = redis.RedisError
"""Redis is gone, full, starting or read-only: later."""
_PAUSE = "messaging:pause"
_REMEMBERS = "messaging:remembers"
_SEQUENCE = "messaging:throttle:sequence"
_SCRIPT = files("messaging.redis").joinpath("throttle.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Slots to start sends with, and when to ask for the next.

    `paused` is why no send may start at all, or empty; `first` numbers the slots.
    """

    slots: int
    wait: timedelta
    first: int
    paused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    key: str
    count: int
    window_ms: int


class Throttle:
    """The one place that lets sends start. A slot is for one send."""

    def __init__(self, settings: Settings) -> None:
        self._redis = redis.Redis.from_url(
            settings.redis_url.get_secret_value(),
            socket_timeout=5,
            socket_connect_timeout=3,
            socket_keepalive=True,
            health_check_interval=30,
            decode_responses=True,
        )
        self._limits = _limits(settings)
        self._is_broker = settings.broker_url is None
        self._take = self._redis.register_script(_SCRIPT)

    def take(self, wanted: int) -> Grant:
        """At most `wanted` slots, in one round trip; raises redis.RedisError where it is down."""
        answer = self._take(
            keys=[_PAUSE, _SEQUENCE, *(limit.key for limit in self._limits)],
            args=[wanted, *(n for limit in self._limits for n in (limit.count, limit.window_ms))],
        )
        slots, wait, first, paused = answer
        return Grant(
            slots=int(slots),
            wait=timedelta(milliseconds=float(wait)),
            first=int(first),
            paused=str(paused),
        )

    def give_back(self, grant: Grant, unused: int) -> None:
        """Returns the last `unused` slots of a grant."""
        if not (unused and self._limits):
            return
        end = grant.first + grant.slots
        numbers = [str(number) for number in range(end - unused, end)]
        with self._redis.pipeline(transaction=False) as pipe:
            for limit in self._limits:
                pipe.zrem(limit.key, *numbers)
            pipe.execute()

    def pause(self, time: timedelta, reason: str) -> None:
        """Lets no send start for this time, anywhere; `reason` says why to whoever asks."""
        self._redis.set(_PAUSE, reason, px=time)

    def paused(self) -> str | None:
        """Why no send may start at the moment, or None where they may."""
        reason = self._redis.get(_PAUSE)
        return str(reason) if reason else None

    def has_forgotten(self, lane: str) -> bool:
        """Whether this Redis, which holds Celery's queues, was emptied since this was last asked.

        True once for each time, and at the very first. False where the broker is another one.
        """
        return self._is_broker and bool(self._redis.set(f"{_REMEMBERS}:{lane}", 1, nx=True))

    def ping(self) -> str:
        """The version of the server; raises redis.RedisError where it does not answer."""
        self._redis.ping()
        about = self._redis.info("server")
        return str(about.get("valkey_version") or about.get("redis_version"))

    def close(self) -> None:
        """Closes the connections."""
        self._redis.close()


def _limits(settings: Settings) -> tuple[_Limit, ...]:
    limits = (
        ("messaging:throttle:second", settings.rate_limit_per_second, 1_000),
        ("messaging:throttle:minute", settings.rate_limit_per_minute, 60_000),
    )
    return tuple(
        _Limit(key=key, count=count, window_ms=window) for key, count, window in limits if count
    )
