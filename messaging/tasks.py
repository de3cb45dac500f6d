"""The doors: each task unpacks, calls one function with the runtime, and returns what it did."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec

import psycopg
from celery import shared_task

from messaging import bridge as the_bridge
from messaging import (
    delivery,
    events,
    handover,
    missed,
    promotion,
    reconciliation,
    recurring,
    retention,
    rewinding,
    runs,
    runtime,
    upkeep,
)
from messaging.domain.job import Lane
from messaging.errors import DatabaseRefused
from messaging.line import Line, Packed, unpacked
from messaging.postgres.connect import AWAY
from messaging.retention import Deleted
from messaging.rounds import INFRASTRUCTURE, part, rounds
from messaging.upkeep import Swept

P = ParamSpec("P")


def discreet(door: Callable[P, str]) -> Callable[P, str]:
    """The door, with little said of what fails: an outage once, and no words of Postgres.

    They may quote a row, and Celery logs them and shows them in Flower.
    """

    @wraps(door)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> str:
        outages = runtime.current().outages
        try:
            done = door(*args, **kwargs)
        except INFRASTRUCTURE as error:
            outages.note(part(error), error)
            raise
        except psycopg.Error as error:
            told = f"{type(error).__name__}, SQLSTATE {error.sqlstate}"
            raise DatabaseRefused(f"Postgres refused a statement: {told}.") from None
        outages.worked()
        return done

    return quiet


@shared_task(
    name="messaging.deliver",
    throws=INFRASTRUCTURE,
    autoretry_for=AWAY,
    retry_backoff=1,
    retry_backoff_max=8,
    max_retries=4,
)
@discreet
def deliver(lane: str, hints: Packed) -> str:
    """Sends these jobs, as far as they are still to be sent."""
    return str(delivery.deliver(runtime.current(), Lane(lane), unpacked(hints)))


@shared_task(name="messaging.bridge", throws=INFRASTRUCTURE, bind=True)
@discreet
def bridge(self: Any, lane: str, lasting: float = 0) -> str:
    """For so many seconds, hands the lane's jobs to the workers as they come in."""
    rt = runtime.current()
    line = Line(self.app, Lane(lane), the_bridge.window(rt.settings))
    published = 0
    for chunks in the_bridge.chunks(rt, Lane(lane), line.room, timedelta(seconds=lasting)):
        line.publish(chunks)
        jobs = sum(len(chunk) for chunk in chunks)
        events.entries_published(lane=lane, jobs=jobs, tasks=len(chunks))
        published += jobs
    return f"{published} published"


@shared_task(name=runs.BEGIN, throws=INFRASTRUCTURE, bind=True)
@discreet
def begin_runs(self: Any) -> str:
    """Has the next run of the bridge and of the upkeep begin."""
    return f"{runs.begin(self.app, runtime.current().settings)} begun"


@shared_task(name="messaging.promote", throws=INFRASTRUCTURE)
@discreet
def promote(every: float = 1, lasting: float = 0) -> str:
    """Puts jobs whose time has come into their queues."""
    done = rounds(runtime.current(), promotion.promote, every=every, lasting=lasting)
    return f"{sum(done)} promoted"


@shared_task(name="messaging.sweep", throws=INFRASTRUCTURE)
@discreet
def sweep(every: float = 5, lasting: float = 0) -> str:
    """Finds jobs that somebody left behind."""
    done = rounds(runtime.current(), upkeep.sweep, every=every, lasting=lasting)
    return str(sum(done, start=Swept()))


@shared_task(name="messaging.reconcile", throws=INFRASTRUCTURE)
@discreet
def reconcile(every: float = 2, lasting: float = 0) -> str:
    """Asks Twilio about jobs in doubt."""
    rt = runtime.current()
    done = rounds(rt, reconciliation.reconcile, every=every, lasting=lasting, of="doubts")
    return f"{sum(done)} reconciled"


@shared_task(name="messaging.hand_over", throws=INFRASTRUCTURE)
@discreet
def hand_over() -> str:
    """Hands texts for later over to Twilio's scheduling."""
    return f"{handover.hand_over(runtime.current())} handed over"


@shared_task(name="messaging.take_back", throws=INFRASTRUCTURE)
@discreet
def take_back(every: float = 2, lasting: float = 0) -> str:
    """Takes texts back that were canceled or rescheduled."""
    rt = runtime.current()
    done = rounds(rt, handover.take_back, every=every, lasting=lasting, of="recalls")
    return f"{sum(done)} taken back"


@shared_task(name="messaging.follow", throws=INFRASTRUCTURE)
@discreet
def follow() -> str:
    """Asks after texts that Twilio kept and that are overdue."""
    return f"{handover.follow(runtime.current())} followed"


@shared_task(name="messaging.retain", throws=INFRASTRUCTURE)
@discreet
def retain(every: float = 1, lasting: float = 0) -> str:
    """Deletes what is kept no longer."""
    done = rounds(runtime.current(), retention.retain, every=every, lasting=lasting)
    return str(sum(done, start=Deleted()))


@shared_task(name="messaging.find_missed", throws=INFRASTRUCTURE)
@discreet
def find_missed() -> str:
    """Asks Twilio for texts to us whose webhook never came."""
    return f"{missed.find(runtime.current())} found"


@shared_task(name="messaging.recur", throws=INFRASTRUCTURE)
@discreet
def recur() -> str:
    """Makes messages of series whose next time comes soon."""
    return f"{recurring.recur(runtime.current())} made"


@shared_task(name="messaging.set_clocks", throws=INFRASTRUCTURE)
@discreet
def set_clocks() -> str:
    """Sets messages on wall clocks anew where the time zones have changed."""
    return f"{rewinding.set_clocks(runtime.current())} set"
