"""The line from the bridge to the workers: how much room there is in it, and putting chunks on."""

from collections.abc import Sequence
from itertools import repeat
from typing import TypeAlias
from uuid import UUID

from celery import Celery

from messaging.domain.entries import Hint
from messaging.domain.job import JobId, Lane

TASK = "messaging.deliver"
Packed: TypeAlias = tuple[str, list[int], list[int] | None]
"""A chunk as a Celery message carries it, nothing personal: the job ids in hexadecimal digits, one
after the other, the entry numbers, and the segments, where any text has several that count."""
DIGITS = 32
"""Of a job id."""


class Line:
    """A lane's Celery queue, for one run of the bridge."""

    def __init__(self, app: Celery, lane: Lane, window: int) -> None:
        self._app = app
        self._lane = lane
        self._window = window
        self._queue = f"deliver.{lane.value}"

    def room(self) -> int:
        """How many more tasks may wait in the queue; the broker is asked.

        Raises kombu.exceptions.OperationalError where the broker is away.
        """
        with self._app.pool.acquire(block=True) as connection:
            channel = connection.default_channel
            # Not passive: a Redis list without entries does not exist, and that is no error.
            queue = channel.queue_declare(queue=self._queue, durable=True, auto_delete=False)
        return self._window - int(queue.message_count)

    def publish(self, chunks: Sequence[Sequence[Hint]]) -> None:
        """Publishes a task a chunk, all in one round trip.

        A chunk that gets lost on the way comes back: its entries are only leased.
        """
        with self._app.amqp.producer_pool.acquire(block=True) as producer, producer.batch(500):
            for chunk in chunks:
                self._app.send_task(
                    TASK,
                    args=[self._lane.value, packed(chunk)],
                    # Celery's own description would cost more than all else that it does here.
                    argsrepr=described(self._lane, chunk),
                    kwargsrepr="{}",
                    queue=self._queue,
                    producer=producer,
                    ignore_result=True,
                )


def described(lane: Lane, chunk: Sequence[Hint]) -> str:
    """A chunk as Flower shows it. Most are in the order of their ids."""
    if len(chunk) == 1:
        return f"{lane}, 1 job: {chunk[0].job_id}"
    return f"{lane}, {len(chunk)} jobs: {chunk[0].job_id} to {chunk[-1].job_id}"


def packed(chunk: Sequence[Hint]) -> Packed:
    """A chunk as it goes into a Celery message."""
    segments = [hint.segments for hint in chunk]
    return (
        "".join([hint.job_id.hex for hint in chunk]),
        [hint.msg_id for hint in chunk],
        None if segments.count(1) == len(segments) else segments,
    )


def unpacked(hints: Packed) -> list[Hint]:
    """A chunk as it comes out of a Celery message."""
    ids, entries, segments = hints
    starts = range(0, len(ids), DIGITS)
    return [
        Hint(job_id=JobId(UUID(ids[start : start + DIGITS])), msg_id=entry, segments=counted)
        for start, entry, counted in zip(starts, entries, segments or repeat(1), strict=False)
    ]
