"""How many sends may start and when, over all workers: the limits' pace, and the breakers.

The state lives in Redis and may be lost at any moment; then sending begins again cautiously.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from itertools import count
from threading import get_ident
from uuid import uuid4

import redis

from messaging.domain.breaker import ANYWHERE, Passage
from messaging.domain.job import Lane
from messaging.domain.pacing import Pace, Slot
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
    """Leave to claim so many texts, or how long to wait before asking again.

    Where there is a limit, they get slots soon: `told` is about when each of them starts on
    Redis's clock, in microseconds, and at last when they end. `paused` is why no text may be
    claimed at all, or empty. `passage` is to be given back with what Twilio answers.
    """

    texts: int
    wait: timedelta = timedelta(0)
    paused: str = ""
    told: tuple[int, ...] = ()
    passage: Passage = ANYWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """Slots for the first of the texts that asked, and how long the others wait before they ask
    again."""

    slots: tuple[Slot, ...]
    wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the bridge may expect of the workers of a lane.

    So many texts may begin, in so long, or as many as there are (None); so many tasks wait for
    leave. `emptied` says that this Redis, which holds Celery's queues, was emptied since this was
    last asked: true once for each time, and at the very first.
    """

    most: int | None = None
    wait: timedelta = timedelta(0)
    waiting: int = 0
    emptied: bool = False


class Throttle:
    """The one place that lets sends start: leave first, to claim a text, then a slot to send it."""

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
        paced = ["pace.lua"] if self._pace else []
        self._leave = self._redis.register_script(script("gate.lua", *paced, "leave.lua"))
        self._slots = self._redis.register_script(script("gate.lua", "pace.lua", "slots.lua"))
        self._give_back = self._redis.register_script(script("give_back.lua"))
        self._look_out = self._redis.register_script(script("gate.lua", "outlook.lua"))
        self._clock = Clock()
        self._process = uuid4().hex
        self._probes = count()
        self._known = 0
        """The end of this process's latest slot: an emptied Redis learns it from us."""

    def leave(self, units: Sequence[int], lane: Lane) -> Grant:
        """Leave to claim the first of these texts: as many as may start soon, in one round trip.

        `units` are what each counts against the limits. It is one text where that is to show
        whether Twilio works. Raises redis.RedisError where it is down.
        """
        probe = f"{self._process}:{next(self._probes)}"
        keys, asked = self.breakers.keys, self.breakers.asked(probe)
        if self._pace is None:
            paused, wait, *told = self._leave(keys=keys, args=asked)
        else:
            caller = f"{self._process}:{get_ident()}"
            paused, wait, *told = self._leave(
                keys=[*keys, self._state, self._waiters(lane)],
                args=[*asked, *self._paced(lane, self._pace), caller, *units],
            )
        if not told:
            return Grant(texts=0, paused=paused, wait=_microseconds(wait))
        passage = _passage(probe, told)
        if self._pace is None:
            return Grant(texts=1 if passage.probe else len(units), passage=passage)
        return Grant(texts=len(told) - 4, told=tuple(told[3:]), passage=passage)

    def slots(self, units: Sequence[int], lane: Lane) -> Booked:
        """Slots for the first of these texts, which are claimed, in one round trip; they may begin
        within the next half a second. To be asked for only where there is a limit.

        Raises redis.RedisError where it is down.
        """
        if self._pace is None:
            return Booked(slots=())
        sent = time.monotonic()
        now, wait, end, *starts = self._slots(
            keys=[self._state], args=[*self._paced(lane, self._pace), *units]
        )
        ahead = self._clock.ahead(sent=sent, told=now / 1e6, received=time.monotonic())
        self._known = max(self._known, end if starts else 0)
        return Booked(
            slots=tuple(
                self._pace.slot(start / 1e6 + ahead, count)
                for start, count in zip(starts, units, strict=False)
            ),
            wait=_microseconds(wait),
        )

    def give_back(self, grant: Grant, unused: int) -> None:
        """Returns the last `unused` texts of a grant; in vain where somebody got leave since.

        A Redis that is away raises nothing: a claim must not be lost with it.
        """
        if not unused or not grant.told:
            return
        end, start = grant.told[-1], grant.told[-1 - unused]
        with suppress(AWAY):
            self._give_back(keys=[self._state], args=[end, start])

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

    def _paced(self, lane: Lane, pace: Pace) -> list[int | float]:
        """What both scripts are told of the limits."""
        interval = pace.interval / timedelta(microseconds=1)
        return [int(lane is Lane.URGENT), interval, self._share, self._known]

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
