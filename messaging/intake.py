"""Where a worker's tasks come in: the normal lane through a channel of its own, which can wait."""

from collections.abc import Callable
from functools import partial
from typing import Any

from celery.app.amqp import AMQP
from kombu import messaging
from kombu.entity import Queue
from kombu.message import Message

from messaging.domain.job import Lane

NORMAL = f"deliver.{Lane.NORMAL.value}"
"""The queue that has a channel of its own."""
NORMAL_AHEAD = 1
"""Tasks that come through it before one of them is acknowledged."""
_LOOK = 0.03
"""Seconds between two looks at whether a worker that has much to send has less."""

_Consumer: Any = messaging.Consumer
"""kombu's, whose methods have no annotations."""


class Intake(_Consumer):  # type: ignore[misc]
    """A worker's consumer on two channels of one connection, which are one to Celery.

    Tasks that are not acknowledged hold up their own channel only: while a worker has enough of
    the normal lane, urgent tasks still come in.
    """

    def __init__(self, channel: Any, queues: list[Queue], **more: Any) -> None:
        """`channel` is the connection or a channel of it, as kombu has it."""
        self._normal: Any = None
        super().__init__(channel, [queue for queue in queues if queue.name != NORMAL], **more)
        self._more = more
        for queue in queues:
            if queue.name == NORMAL:
                self.add_queue(queue)

    @property
    def queues(self) -> list[Queue]:
        """Those of both channels."""
        return [*self._queues.values(), *(self._normal.queues if self._normal else ())]

    @queues.setter
    def queues(self, queues: list[Queue]) -> None:
        """Those of the first channel, which kombu sets."""
        self._queues = {queue.name: queue for queue in queues}

    def is_normal(self, message: Message) -> bool:
        """Whether a message came through the normal lane's channel."""
        return self._normal is not None and message.channel is self._normal.channel

    def add_queue(self, queue: Queue) -> Any:
        """Adds a queue; `consume` begins with it."""
        if queue.name != NORMAL:
            return super().add_queue(queue)
        if self._normal is None:
            channel = self.connection.channel()
            channel.basic_qos(0, NORMAL_AHEAD, False)
            self._normal = _Consumer(channel, **self._more)
        return self._normal.add_queue(queue)

    def cancel_by_queue(self, queue: Queue | str) -> None:
        """Takes no more from a queue."""
        super().cancel_by_queue(queue)
        if self._normal:
            self._normal.cancel_by_queue(queue)

    def consuming_from(self, queue: Queue | str) -> bool:
        """Whether it takes from a queue."""
        own = super().consuming_from(queue)
        return bool(own or (self._normal and self._normal.consuming_from(queue)))

    def consume(self, no_ack: bool | None = None) -> None:
        """Begins with the queues that it does not take from yet."""
        super().consume(no_ack)
        if self._normal:
            self._normal.on_message = self.on_message
            self._normal.consume(no_ack)

    def purge(self) -> int:
        """Throws away what is in all of the queues; returns how many messages those were."""
        normal = self._normal.purge() if self._normal else 0
        return int(super().purge() + normal)

    def cancel(self) -> None:
        """Takes no more from any queue."""
        super().cancel()
        if self._normal:
            self._normal.cancel()

    def close(self) -> None:
        """The same, and ends the normal lane's channel. Redis may have given it a task meanwhile,
        which kombu puts back through another channel of the connection, so that one must be open.
        """
        self.cancel()
        if self._normal:
            self._normal.channel.close()


class Amqp(AMQP):  # type: ignore[misc]  # celery has no annotations
    """Celery's, whose workers have that consumer."""

    Consumer = Intake


class Backpressure:
    """Acknowledgements that wait while a worker has enough to send. Only the hub's thread acts."""

    def __init__(self, most: int, texts: Callable[[], int]) -> None:
        """`most` is how many texts are enough, and `texts` says how many there are now."""
        self._most = most
        self._texts = texts
        self._waiting: list[Callable[[], None]] = []

    @property
    def is_on(self) -> bool:
        """Whether the worker takes no more. May be asked from any thread; where the hub's hangs,
        it is not enough that something waits."""
        return bool(self._waiting) and self._texts() >= self._most

    def acknowledge(self, hub: Any, acknowledge: Callable[..., None], *given: Any) -> None:
        """Acknowledges a message now, or when there is less to send."""
        self._waiting.append(partial(acknowledge, *given))
        self._look(hub)

    def forget(self) -> None:
        """Gives up what waits: its connection is closed, or about to be."""
        self._waiting.clear()

    def _look(self, hub: Any) -> None:
        if self.is_on:
            hub.call_later(_LOOK, self._look, hub)
            return
        waiting, self._waiting = self._waiting, []
        for acknowledge in waiting:
            acknowledge()
