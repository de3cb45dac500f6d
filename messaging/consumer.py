"""Celery's consumer, steadier: a `rate_limit` that holds, and chunks that are given back."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from celery.utils.log import get_logger
from celery.worker import state
from celery.worker.consumer import Consumer
from celery.worker.request import Request
from kombu.connection import Connection
from kombu.message import Message
from kombu.utils.limits import TokenBucket

from messaging import delivery, runtime
from messaging.domain.entries import Hint
from messaging.domain.job import Lane
from messaging.intake import Backpressure
from messaging.line import TASK, unpacked
from messaging.postgres.connect import AWAY
from messaging.refusals import Refusals
from messaging.screening import screen, why_strange
from messaging.settings import current

_log = get_logger(__name__)
_BETWEEN_EVENTS = 0.1
"""Seconds."""
_BETWEEN_HEARTBEATS = 10
"""Seconds; Flower calls a worker offline after twice as many."""
_LONGEST_WAIT = 2
"""Seconds between two tries to connect to the broker. Celery's own pause grows to half a minute."""


AHEAD = 2
"""Tasks that a worker fetches while all its threads are busy. Celery's own count is as many as
there are threads: urgent ones would wait behind them, and a worker that is killed has them all."""
ENOUGH = 2
"""How many times as many texts as it may keep in flight a worker takes from the normal lane: as
many again are claimed and settled meanwhile. More would only hold its threads."""
_NORMAL = Lane.NORMAL.value


class SteadyConsumer(Consumer):  # type: ignore[misc]  # celery has no annotations
    """What is other than in Celery's own:

    It makes nothing of messages that are none of ours (`screening`).

    It fetches few tasks ahead (AHEAD). As soon as one begins, it fetches another.

    It takes no more of the normal lane while it has enough of it to send (ENOUGH): large tasks
    leave threads to urgent ones (`intake`).

    It gives back the chunks that it has taken and not begun when it stops or loses the broker:
    others send their jobs at once, not when the lease of their entries is over.

    It goes on trying every two seconds to connect to the broker.

    Events of tasks go out together, ten times a second at most. Celery publishes each as it comes,
    which cost its main thread as much as all else that it does with a task.

    Its heartbeats, which Flower alone hears, come every ten seconds where nobody says otherwise:
    every two was a tenth of what an idle worker cost.

    One timer serves all tasks that a `rate_limit` holds back, instead of a timer for each. kombu
    fires ten timers at a time and then sleeps for up to a second, and each of Celery's timers
    sets itself again while it is too early. So with more than ten tasks held back (a worker of 16
    threads takes 16 ahead), a limit of 100 a second became one a second (celery 5.7, kombu 5.7).
    """

    def __init__(self, *args: Any, worker_options: dict[str, Any], **kwargs: Any) -> None:
        if worker_options.get("heartbeat_interval") is None:
            worker_options = {**worker_options, "heartbeat_interval": _BETWEEN_HEARTBEATS}
        super().__init__(*args, worker_options=worker_options, **kwargs)
        self.initial_prefetch_count = self.max_prefetch_count
        self._refusals = Refusals("message")
        enough = ENOUGH * current().in_flight
        self._backpressure = Backpressure(enough, normal_texts)
        self._flushed_at = self._flush_at = -math.inf

    @property
    def max_prefetch_count(self) -> int:
        """How many messages may be fetched and not begun."""
        return AHEAD

    def on_close(self) -> None:
        """Celery forgets here what it has not begun. A chunk that begins all the same, at this
        very moment, is a second hint for the same jobs, and harmless.
        """
        self._backpressure.forget()
        self.give_back()
        super()._flush_events()
        super().on_close()

    def give_back(self) -> None:
        """Gives back the chunks that it has taken and not begun: others send their jobs at once."""
        _give_back(list(self._not_begun()))

    def has_room(self, threads: int) -> bool:
        """Whether it would take another task now. May be asked from any thread."""
        active = len(state.active_requests)
        held = sum(len(bucket.contents) for bucket in list(self.task_buckets.values()) if bucket)
        fetched = max(0, len(state.reserved_requests) - active) + held
        is_open = fetched < self.max_prefetch_count and not self._backpressure.is_on
        return active < threads and is_open

    def ensure_connected(self, conn: Connection) -> Connection:
        """The connection, once the broker answers."""
        screen(conn, self._refusals.note)
        often = partial(
            conn.ensure_connection,
            interval_start=0.5,
            interval_step=0.5,
            interval_max=_LONGEST_WAIT,
        )
        conn.ensure_connection = often  # type: ignore[method-assign]
        connected: Connection = super().ensure_connected(conn)
        return connected

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Message], None]:
        """What takes messages: Celery's own, for those that are ours."""
        take = super().create_task_handler(*args, **kwargs)

        def on_message(message: Message) -> None:
            reason = why_strange(message, self.app.tasks, self.app.now())
            if reason is None:
                self._hold_back(message)
                take(message)
                return
            self._refusals.note(reason)
            message.reject_log_error(_log, self.connection_errors)  # type: ignore[no-untyped-call]

        return on_message

    def _hold_back(self, message: Message) -> None:
        """Has the normal lane's channel wait while there is enough to send.

        A task that is to be tried again in some seconds holds nothing up meanwhile.
        """
        if not self.task_consumer.is_normal(message):
            return
        if message.headers.get("eta"):
            message.ack_log_error(_log, self.connection_errors)  # type: ignore[no-untyped-call]
            message.ack_log_error = _is_acknowledged  # type: ignore[method-assign]
            return

        def acknowledge(*given: Any) -> None:
            # Its own again: else both hold each other, and the collector comes seldom (`garbage`).
            del message.ack_log_error
            self._backpressure.acknowledge(self.hub, message.ack_log_error, *given)

        message.ack_log_error = acknowledge  # type: ignore[method-assign]

    def _flush_events(self) -> None:
        """Called by the hub once an event waits: those that come soon are to go with it."""
        now = time.monotonic()
        if now < self._flush_at:
            return  # they will
        if now >= self._flushed_at + _BETWEEN_EVENTS:
            self._flush()
            return
        self._flush_at = self._flushed_at + _BETWEEN_EVENTS
        self.hub.call_later(self._flush_at - now, self._flush)

    def _flush(self) -> None:
        self._flushed_at = time.monotonic()
        super()._flush_events()

    def _not_begun(self) -> Iterator[Request]:
        yield from (one for one in _taken() if one not in state.active_requests)
        for bucket in self.task_buckets.values():  # held back by a rate limit
            for request, _tokens in bucket.contents if bucket else ():
                yield request

    def _limit_task(self, request: Request, bucket: TokenBucket, tokens: int) -> None:
        is_first = not bucket.contents
        bucket.add((request, tokens))  # type: ignore[no-untyped-call]
        if is_first:  # else a timer is set already
            self._schedule_bucket_request(bucket)

    def _limit_post_eta(self, request: Request, bucket: TokenBucket, tokens: int) -> None:
        """The same for a task that is tried again and whose time has come."""
        self.qos.decrement_eventually()
        self._limit_task(request, bucket, tokens)


def _taken() -> list[Request]:
    """The tasks that the worker has taken and not ended, with those that are to be tried again.
    Threads end some meanwhile, so this is one copy."""
    return list(state.requests.values())


def normal_texts() -> int:
    """How many the worker sends, or is about to, in tasks of the normal lane."""
    ready = (one for one in _taken() if one not in state.scheduled_requests)
    chunks = [one.args for one in ready if one.name == TASK]
    return sum(len(hints[1]) for lane, hints in chunks if lane == _NORMAL)


def _is_acknowledged(*_: Any) -> None:
    """It is acknowledged already."""


def _give_back(requests: list[Request]) -> None:
    chunks: dict[Lane, list[Hint]] = defaultdict(list)
    for request in requests:
        if request.name == TASK:
            lane, hints = request.args
            chunks[Lane(lane)] += unpacked(hints)
    rt = runtime.current()
    try:
        for lane, given in chunks.items():
            delivery.give_back(rt, lane, given)
    except AWAY as error:  # their lease ends by itself
        rt.outages.note("postgres", error)
