"""Celery's processes look at themselves: whether a worker takes tasks, and whether beat ticks.

One that has ceased to work while there is something to do ends itself; whoever watches it
(Kubernetes, Compose, systemd, `messaging up`) starts it anew.
"""

import atexit
from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps
from celery.worker import state
from kombu.connection import Connection
from kombu.exceptions import KombuError, OperationalError

from messaging import runtime
from messaging.domain.liveness import Look, Standstill
from messaging.pulse import Heart, called, looks_in

_UPKEEP_QUEUE = "upkeep"
_UPKEEP = {"bridge", _UPKEEP_QUEUE}
"""The queues of the bridge; those who take from any other are workers."""
_LONGEST_TICK = 30.0
"""Seconds. Beat sleeps for five at most (beat_max_loop_interval)."""
_AWAY = (KombuError, OperationalError, OSError)


class Broker:
    """How many tasks wait in queues, asked again and again over one connection."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Connection | None = None

    def waiting(self, queues: list[str]) -> int | None:
        """How many tasks wait; None where the broker does not answer."""
        try:
            channel = self._connected().default_channel
            # Not passive: a Redis list without entries does not exist, and that is no error.
            declared = [
                channel.queue_declare(queue=queue, durable=True, auto_delete=False)  # type: ignore[no-untyped-call]
                for queue in queues
            ]
        except (*_AWAY, *self._errors()):  # type: ignore[misc]  # kombu has no annotations
            self.close()
            return None
        return sum(int(queue.message_count) for queue in declared)

    def close(self) -> None:
        """Lets go of the connection."""
        connection, self._connection = self._connection, None
        if connection:
            connection.collect()  # type: ignore[no-untyped-call]

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._app.connection_for_write()
            self._connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
        return self._connection

    def _errors(self) -> tuple[type[BaseException], ...]:
        if self._connection is None:
            return ()
        return (*self._connection.connection_errors, *self._connection.channel_errors)


class WorkerHeart(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no annotations
    """The signs of life of a worker, or of the bridge, which is one."""

    # Once the pool has forked, and before the consumer waits for the broker.
    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._heart: Heart | None = None

    def start(self, parent: Any) -> None:
        """Begins to beat."""
        rt = runtime.current()
        self._worker = parent
        self._broker = Broker(parent.app)
        self._standstill = Standstill(most=looks_in(rt.settings.stuck_after, rt.settings))
        self._heart = Heart(rt, roles_of(self._queues()), parent.hostname, self._lives)
        self._heart.start()

    def stop(self, parent: Any) -> None:
        """Ends them."""
        if self._heart:
            self._heart.stop()

    terminate = stop

    def _queues(self) -> list[str]:
        """Those that it takes from now: somebody may have told it to leave one alone."""
        return list(self._worker.app.amqp.queues.consume_from)

    def _lives(self) -> bool:
        rt = runtime.current()
        if not rt.stopping.is_set() and self._standstill.is_stuck(self._look()) and self._heart:
            reason = "It takes no tasks, though some wait and it has room for them."
            self._worker.consumer.give_back()
            self._heart.give_up(rt.settings.stuck_after, reason, _has_work)
        return True

    def _look(self) -> Look:
        active, reserved = len(state.active_requests), len(state.reserved_requests)
        has_room = self._worker.consumer.has_room(self._worker.concurrency)
        done = (state.all_total_count[0], active, reserved)
        queues = self._queues()
        waiting = self._broker.waiting(queues) if has_room and queues else 0
        return Look(waiting=waiting, done=done, has_room=has_room)


def roles_of(queues: list[str]) -> list[str]:
    """What somebody is who takes from these queues."""
    roles = [("bridge", _UPKEEP & set(queues)), ("worker", set(queues) - _UPKEEP)]
    return [role for role, taken in roles if taken]


class Ticks:
    """What beat sees of its own scheduler."""

    def __init__(self, service: Any, broker: Broker, monotonic: Callable[[], float]) -> None:
        self._service = service
        self._broker = broker
        self._monotonic = monotonic

    def look(self) -> Look:
        """One look. Beat's work is never done: when late, it has something to do as soon as the
        broker answers; until then it waits.
        """
        ticked = self._service._last_tick or 0.0  # celery 5.7 keeps it for its own remote control
        is_late = self._monotonic() - ticked > _LONGEST_TICK
        answers = is_late and self._broker.waiting([_UPKEEP_QUEUE]) is not None
        return Look(waiting=int(answers), done=(round(1000 * ticked),), has_room=True)


def watch_beat(service: Any, app: Celery) -> None:
    """Gives beat's signs of life, and ends a beat whose scheduler does not tick for long."""
    rt = runtime.current()
    ticks = Ticks(service, Broker(app), rt.monotonic)
    longest = max(rt.settings.stuck_after, _LONGEST_TICK)
    standstill = Standstill(most=looks_in(longest, rt.settings))

    def lives() -> bool:
        if standstill.is_stuck(ticks.look()):
            reason = "Its scheduler does not tick, though the broker answers."
            heart.give_up(longest, reason, lambda: False)
        return True

    heart = Heart(rt, ["beat"], called("beat"), lives)
    heart.start()
    atexit.register(heart.stop)


def _has_work() -> bool:
    return len(state.active_requests) > 0
