"""How many sends may start and when, over all workers: the limits' pace, and the pause.

The state lives in Redis and may be lost at any moment; then sending begins again cautiously.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from importlib.resources import files
from threading import get_ident
from uuid import uuid4

import redis

from messaging.domain.job import Lane
from messaging.redis.clock import Clock
from messaging.settings import Settings

AWAY = redis.RedisError
"""Redis is gone, full, starting or read-only: later."""
_PAUSE = "messaging:pause"
_REMEMBERS = "messaging:remembers"
_THROTTLE = "messaging:throttle"


def _script(name: str) -> str:
    return files("messaging.redis").joinpath(name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Slots to start sends with, or how long to wait before asking again.

    `starts` are readings of the monotonic clock, one for each slot; without a limit there are
    none, and sends may start at once. `paused` is why no send may start at all, or empty. `told`
    is when each slot begins on Redis's clock, in microseconds, and at last when they end.
    """

    slots: int
    wait: timedelta = timedelta(0)
    paused: str = ""
    starts: tuple[float, ...] = ()
    told: tuple[int, ...] = ()


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
        self._pace = settings.pace
        self._share = settings.urgent_share
        self._state = f"{_THROTTLE}:{_sender(settings)}"
        self._is_broker = settings.broker_url is None
        self._take = self._redis.register_script(_script("throttle.lua"))
        self._give_back = self._redis.register_script(_script("give_back.lua"))
        self._clock = Clock()
        self._process = uuid4().hex
        self._known = 0
        """The end of this process's latest grant: an emptied Redis learns it from us."""

    def take(self, units: Sequence[int], lane: Lane) -> Grant:
        """Slots for the first of these texts, as many as may start soon, in one round trip.

        `units` are what each counts against the limits. Raises redis.RedisError where it is down.
        """
        if self._pace is None:
            paused, *waits = self._take(keys=[_PAUSE], args=[])
            if not paused:
                return Grant(slots=len(units))
            return Grant(slots=0, paused=paused, wait=_microseconds(waits[0]))
        return self._take_paced(units, lane, self._pace.interval)

    def give_back(self, grant: Grant, unused: int) -> None:
        """Returns the last `unused` slots of a grant; lost where later ones were granted since.

        A Redis that is away loses them too, and raises nothing: a claim must not be lost with them.
        """
        if not unused or not grant.told:
            return
        end, start = grant.told[-1], grant.told[-1 - unused]
        try:
            is_back = self._give_back(keys=[self._state], args=[end, start])
        except AWAY:
            return
        if is_back and self._known == end:
            self._known = start

    def waiting(self, lane: Lane) -> int:
        """How many tasks of this lane wait for slots in workers; about so many."""
        return int(self._redis.zcard(self._waiters(lane))) if self._pace else 0

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

    def _take_paced(self, units: Sequence[int], lane: Lane, interval: timedelta) -> Grant:
        sent = time.monotonic()
        paused, wait, *told = self._take(
            keys=[_PAUSE, self._state, self._waiters(lane)],
            args=[
                int(lane is Lane.URGENT),
                interval / timedelta(microseconds=1),
                self._share,
                self._known,
                f"{self._process}:{get_ident()}",
                *units,
            ],
        )
        received = time.monotonic()
        if not told:
            return Grant(slots=0, paused=paused, wait=_microseconds(wait))
        now, end, *starts = told
        self._known = max(self._known, end)
        ahead = self._clock.ahead(sent=sent, told=now / 1e6, received=received)
        return Grant(
            slots=len(starts),
            starts=tuple(start / 1e6 + ahead for start in starts),
            told=(*starts, end),
        )

    def _waiters(self, lane: Lane) -> str:
        return f"{self._state}:waiting:{lane.value}"


def _sender(settings: Settings) -> str:
    """Names what the limits are of in a key, without a number in it."""
    sender = settings.twilio_messaging_service_sid or settings.twilio_from or ""
    return blake2b(sender.encode(), digest_size=6).hexdigest()


def _microseconds(count: float) -> timedelta:
    return timedelta(microseconds=float(count))
