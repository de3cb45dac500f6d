"""The doors: each task unpacks, calls one function with the runtime, and returns what it did."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec
from uuid import UUID

import psycopg
import redis
from celery import shared_task
from psycopg_pool import PoolTimeout

from messaging import bridge as the_bridge
from messaging import delivery, events, handover, promotion, reconciliation, runtime, upkeep
from messaging.domain.entries import Hint
from messaging.domain.job import JobId, Lane
from messaging.errors import DatabaseRefused
from messaging.line import Line

INFRASTRUCTURE = (psycopg.OperationalError, PoolTimeout, redis.RedisError)
"""Our own trouble: the task is tried again within seconds, and no job is to blame."""
P = ParamSpec("P")


def discreet(door: Callable[P, str]) -> Callable[P, str]:
    """The door, with the words of Postgres left out of what Celery logs and shows in Flower."""

    @wraps(door)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return door(*args, **kwargs)
        except INFRASTRUCTURE:
            raise
        except psycopg.Error as error:
            told = f"{type(error).__name__}, SQLSTATE {error.sqlstate}"
            raise DatabaseRefused(f"Postgres refused a statement: {told}.") from None

    return quiet


@shared_task(
    name="messaging.deliver",
    autoretry_for=INFRASTRUCTURE,
    retry_backoff=1,
    retry_backoff_max=8,
    max_retries=4,
)
@discreet
def deliver(lane: str, hints: Sequence[tuple[str, int]]) -> str:
    """Sends these jobs, as far as they are still to be sent."""
    unpacked = [Hint(job_id=JobId(UUID(job_id)), msg_id=msg_id) for job_id, msg_id in hints]
    return str(delivery.deliver(runtime.current(), Lane(lane), unpacked))


@shared_task(name="messaging.bridge", bind=True)
@discreet
def bridge(self: Any, lane: str) -> str:
    """For some seconds, hands the lane's jobs to the workers as they come in."""
    rt = runtime.current()
    line = Line(self.app, Lane(lane), the_bridge.window(rt.settings))
    published = 0
    for chunks in the_bridge.chunks(rt, Lane(lane), line.room):
        line.publish(chunks)
        jobs = sum(len(chunk) for chunk in chunks)
        events.entries_published(lane=lane, jobs=jobs, tasks=len(chunks))
        published += jobs
    return f"{published} published"


@shared_task(name="messaging.promote")
@discreet
def promote() -> str:
    """Puts jobs whose time has come into their queues."""
    return f"{promotion.promote(runtime.current())} promoted"


@shared_task(name="messaging.sweep")
@discreet
def sweep() -> str:
    """Finds jobs that somebody left behind."""
    return str(upkeep.sweep(runtime.current()))


@shared_task(name="messaging.reconcile")
@discreet
def reconcile() -> str:
    """Asks Twilio about jobs in doubt."""
    return f"{reconciliation.reconcile(runtime.current())} reconciled"


@shared_task(name="messaging.hand_over")
@discreet
def hand_over() -> str:
    """Hands texts for later over to Twilio's scheduling."""
    return f"{handover.hand_over(runtime.current())} handed over"


@shared_task(name="messaging.take_back")
@discreet
def take_back() -> str:
    """Takes texts back that were canceled or rescheduled."""
    return f"{handover.take_back(runtime.current())} taken back"


@shared_task(name="messaging.follow")
@discreet
def follow() -> str:
    """Asks after texts that Twilio kept and that are overdue."""
    return f"{handover.follow(runtime.current())} followed"
