"""Rounds: a task that does its work again and again for a while, instead of a task each time.

A task costs beat, the broker and a worker some milliseconds, every second, for ever; a look into
Postgres costs a tenth of that.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import redis
from kombu.exceptions import KombuError

from messaging.events import Part
from messaging.lookout import Kind
from messaging.postgres.connect import AWAY
from messaging.runtime import Runtime

T = TypeVar("T")

INFRASTRUCTURE = (*AWAY, redis.RedisError, KombuError)
"""Our own trouble, said by `Outages`: what was to be done is done a little later, and no job is to
blame. Celery logs what a task `throws` without a traceback, and not above INFO."""


def rounds(
    rt: Runtime,
    work: Callable[[Runtime], T],
    *,
    every: float,
    lasting: float,
    of: Kind | None = None,
) -> list[T]:
    """What the work returned, each time: now, and each `every` seconds for `lasting` seconds.

    Rounds `of` a kind are left out while the lookout says that nothing of it is due. A round that
    fails for want of infrastructure is noted, and the next one comes all the same. Once this
    process is to stop there is no further round. With `lasting` 0 there is one round, whatever
    the lookout says, and what it raises is raised.
    """
    until = rt.monotonic() + lasting
    done: list[T] = []
    while True:
        due = rt.monotonic() + every
        try:
            if not lasting or of is None or rt.lookout.may_be_due(of):
                done.append(work(rt))
                rt.outages.worked()
        except INFRASTRUCTURE as error:
            if not lasting:
                raise
            rt.outages.note(part(error), error)
        again = max(due, rt.monotonic())
        if again >= until:
            return done
        rt.wait(timedelta(seconds=again - rt.monotonic()))
        if rt.stopping.is_set():
            return done


def part(error: BaseException) -> Part:
    """What of the infrastructure this trouble is with."""
    if isinstance(error, redis.RedisError):
        return "redis"
    return "broker" if isinstance(error, KombuError) else "postgres"
