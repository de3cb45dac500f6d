"""How many sends may start and when, over all workers: the limits' pace, and the breakers.

The state lives in Redis and may be lost at any moment; then sending begins again cautiously.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from itertools import count
from threading import get_ident
from uuid import uuid4

import redis

from messaging.domain.breaker import ANYWHERE, Passage
from messaging.domain.job import Lane
from messaging.domain.verdict import Scope
from messaging.redis.breaker import Breakers
from messaging.redis.clock import Clock
from messaging.redis.scripts import script
from messaging.settings import Settings

AWAY = redis.RedisError
"""Redis is gone, full, starting or read-only: later."""
_REMEMBERS = "messaging:remembers"
_THROTTLE = "messaging:throttle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Slots to start sends with, or how long to wait before asking again.

    `starts` are readings of the monotonic clock, one for each slot; without a limit there are
    none, and sends may start at once. `paused` is why no send may start at all, or empty. `told`
    is when each slot begins on Redis's clock, in microseconds, and at last when they end.
    `passage` is to be given back with what Twilio answers.
    """

    slots: int
    wait: timedelta = timedelta(0)
    paused: str = ""
    starts: tuple[float, ...] = ()
    told: tuple[int, ...] = ()
    passage: Passage = ANYWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the bridge may expect of the workers of a lane.

    So many texts may begin, in so long, or as many as there are (None); so many tasks wait for
    slots. `emptied` says that this Redis, which holds Celery's queues, was emptied since this was
    last asked: true once for each time, and at the very first.
    """

    most: int | None = None
    wait: timedelta = timedelta(0)
    waiting: int = 0
    emptied: bool = False


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
        self.breakers = Breakers(self._redis, settings)
        self._take = self._redis.register_script(script("gate.lua", "throttle.lua"))
        self._give_back = self._redis.register_script(script("give_back.lua"))
        self._look_out = self._redis.register_script(script("gate.lua", "outlook.lua"))
        self._clock = Clock()
        self._process = uuid4().hex
        self._probes = count()
        self._known = 0
        """The end of this process's latest grant: an emptied Redis learns it from us."""

    def take(self, units: Sequence[int], lane: Lane) -> Grant:
        """Slots for the first of these texts, as many as may start soon, in one round trip.

        `units` are what each counts against the limits. It is one text where that is to show
        whether Twilio works. Raises redis.RedisError where it is down.
        """
        probe = f"{self._process}:{next(self._probes)}"
        asked = self.breakers.asked(probe)
        if self._pace is not None:
            return self._take_paced(units, lane, self._pace.interval, asked)
        paused, wait, *told = self._take(keys=self.breakers.keys, args=asked)
        if not told:
            return Grant(slots=0, paused=paused, wait=_microseconds(wait))
        passage = _passage(probe, told)
        return Grant(slots=1 if passage.probe else len(units), passage=passage)

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

    def outlook(self, lane: Lane) -> Outlook:
        """What there is to do for the bridge. Raises redis.RedisError where it is down."""
        keys = (
            *self.breakers.keys[:2],
            self._waiters(lane) if self._pace else "",
            f"{_REMEMBERS}:{lane.value}" if self._is_broker else "",
        )
        most, wait, waiting, emptied = self._look_out(keys=keys, args=[])
        return Outlook(
            most=most if most >= 0 else None,
            wait=_microseconds(wait),
            waiting=waiting,
            emptied=bool(emptied),
        )

    def ping(self) -> str:
        """The version of the server; raises redis.RedisError where it does not answer."""
        self._redis.ping()
        about = self._redis.info("server")
        return str(about.get("valkey_version") or about.get("redis_version"))

    def close(self) -> None:
        """Closes the connections."""
        self._redis.close()

    def _take_paced(
        self, units: Sequence[int], lane: Lane, interval: timedelta, asked: list[str | int]
    ) -> Grant:
        sent = time.monotonic()
        paused, wait, *told = self._take(
            keys=[*self.breakers.keys, self._state, self._waiters(lane)],
            args=[
                *asked,
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
        now, end, *starts = told[3:]
        self._known = max(self._known, end)
        ahead = self._clock.ahead(sent=sent, told=now / 1e6, received=received)
        return Grant(
            slots=len(starts),
            starts=tuple(start / 1e6 + ahead for start in starts),
            told=(*starts, end),
            passage=_passage(str(asked[0]), told),
        )

    def _waiters(self, lane: Lane) -> str:
        return f"{self._state}:waiting:{lane.value}"


def _passage(probe: str, told: Sequence[int | str]) -> Passage:
    """From the generations of both breakers, and a sign for each that is probed: `1` or `2` where
    it was open.
    """
    account, sender, probed = told[:3]
    opened = tuple(scope for scope, sign in zip(Scope, "12", strict=True) if sign in str(probed))
    return Passage(
        probe=probe if probed else "",
        generations=(int(account), int(sender)),
        probed=opened,
    )


def _sender(settings: Settings) -> str:
    """Names what the limits are of in a key, without a number in it."""
    sender = settings.twilio_messaging_service_sid or settings.twilio_from or ""
    return blake2b(sender.encode(), digest_size=6).hexdigest()


def _microseconds(count: float) -> timedelta:
    return timedelta(microseconds=float(count))
