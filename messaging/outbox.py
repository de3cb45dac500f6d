"""Hands messages over: the Python face of `messaging.enqueue`, with all that SQL cannot check."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from operator import attrgetter
from types import TracebackType
from typing import Self
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from messaging.bounds import Bounds
from messaging.domain.draft import Draft, priority_for
from messaging.domain.job import JobId
from messaging.errors import NotFound, Refused
from messaging.postgres import connect, messages
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.messages import Enqueued, Event, Message
from messaging.settings import Settings, load
from messaging.steps.drafting import Drafted, prepare_all
from messaging.steps.storing import store

Postgres = Connection[TupleRow]

BATCH = 1000
"""Drafts that are stored together, and committed together where the caller has no transaction."""


class Messaging:
    """What an application calls. One a process; it may be shared between threads.

    Every method takes `conn`, a psycopg connection of the caller's: then the message is part of
    the caller's transaction, and exists exactly if that commits. Without one, it is committed
    when the method returns.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """With the settings from the environment, where none are given.

        Raises Misconfigured where they are wrong. Nothing is connected yet.
        """
        self._settings = settings or load()
        self._pool: ConnectionPool[Postgres] = connect.pool(self._settings)
        self._bounds = Bounds(self._settings)
        self._defaults = Defaults.of(self._settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the connections."""
        self._pool.close()

    def enqueue(self, draft: Draft, *, conn: Postgres | None = None) -> JobId:
        """Hands one message over and returns its id; of a duplicate, the id of the first.

        Raises Refused where it cannot become a message, with what to change.
        """
        (answer,) = self.enqueue_many([draft], conn=conn)
        if answer.id is None or answer.result == "refused":
            raise Refused(answer.reason or "The message was refused.")
        return answer.id

    def enqueue_many(
        self, drafts: Iterable[Draft], *, conn: Postgres | None = None
    ) -> list[Enqueued]:
        """Hands many messages over, thousands a second; an answer for each, in their order.

        A bad one is `refused` with the reason and does not sink the rest. Without `conn`, every
        thousand are committed together; while Postgres stores them, the next are prepared.
        """

        keep, batches = partial(self._store, conn=conn), self._batches(drafts, conn)
        stored = map(keep, batches) if conn is not None else _in_turn(keep, batches)
        return list(chain.from_iterable(stored))

    def send_reminder(
        self,
        *,
        user_id: UUID | None,
        phone: str,
        task_name: str,
        due_in: timedelta,
        content: str,
        conn: Postgres | None = None,
    ) -> JobId:
        """A reminder, as the original architecture's sendReminder: the sooner due, the more urgent.

        `due_in` is the time left until the task is due. Raises Refused.
        """
        draft = Draft(
            to=phone,
            body=content,
            user_id=user_id,
            priority=priority_for(due_in),
            metadata={"type": "task_reminder", "task_name": task_name},
        )
        return self.enqueue(draft, conn=conn)

    def cancel(self, id: UUID, *, conn: Postgres | None = None) -> str:
        """Stops a message that has not gone out.

        Returns `canceled`, `canceling` (Twilio keeps it and is asked to drop it) or `too_late`.
        Raises NotFound.
        """
        with self._connection(conn) as mine:
            return _known(id, messages.cancel(mine, JobId(id)))

    def reschedule(self, id: UUID, scheduled_for: datetime, *, conn: Postgres | None = None) -> str:
        """Moves a message that has not gone out to another time, which needs a time zone.

        Returns `rescheduled`, `rescheduling` (Twilio keeps it and is asked to give it back),
        `past_deadline` (it would expire before) or `too_late`. Raises NotFound and Refused.
        """
        if scheduled_for.tzinfo is None:
            raise Refused("The new time has no time zone: use an aware datetime.")
        with self._connection(conn) as mine:
            return _known(id, messages.reschedule(mine, JobId(id), scheduled_for))

    def status(self, id: UUID, *, conn: Postgres | None = None) -> Message:
        """A message as it stands. Raises NotFound."""
        with self._connection(conn) as mine:
            message = messages.show(mine, JobId(id))
        if message is None:
            raise NotFound(f"There is no message {id}.")
        return message

    def events(self, id: UUID, *, conn: Postgres | None = None) -> list[Event]:
        """The journal of a message, oldest first; empty where nothing has happened to it."""
        with self._connection(conn) as mine:
            return messages.events(mine, JobId(id))

    def _batches(self, drafts: Iterable[Draft], conn: Postgres | None) -> Iterator[Drafted]:
        remaining = enumerate(drafts, start=1)
        while some := dict(islice(remaining, BATCH)):
            yield self._prepare(some, conn)

    def _prepare(self, drafts: Mapping[int, Draft], conn: Postgres | None) -> Drafted:
        connection = partial(self._connection, conn)
        given, bounds = self._settings, self._bounds.of(connection)
        return prepare_all(drafts, given.default_region, bounds, given.lines, connection)

    def _store(self, batch: Drafted, conn: Postgres | None) -> list[Enqueued]:
        """Stores what can be stored, in one transaction."""
        refused = [_refused(*refusal) for refusal in batch.refused.items()]
        if not batch.prepared:
            return refused
        with self._connection(conn) as mine:
            stored = store(mine, batch.prepared, self._defaults, self._settings.quiet_hours)
        return sorted([*refused, *stored], key=attrgetter("position"))

    def _connection(self, conn: Postgres | None) -> AbstractContextManager[Postgres]:
        return nullcontext(conn) if conn is not None else self._pool.connection()


def _in_turn(
    store: Callable[[Drafted], list[Enqueued]], batches: Iterable[Drafted]
) -> Iterator[list[Enqueued]]:
    """The answers to each batch, which a thread stores while the caller's prepares the next.

    Where both fail, the error is that of the earlier batch.
    """
    with ThreadPoolExecutor(1, "messaging-outbox") as thread:
        before: Future[list[Enqueued]] | None = None
        try:
            for batch in batches:
                if before:
                    yield before.result()
                before = _begin(thread, store, batch) if _is_full(batch) else None
                if not _is_full(batch):
                    yield store(batch)
        finally:
            last = before.result() if before else []
        yield last


def _begin(
    thread: Executor, store: Callable[[Drafted], list[Enqueued]], batch: Drafted
) -> Future[list[Enqueued]]:
    """The answers to come of the thread, or this one's where none can be started."""
    try:
        thread.submit(int)  # A thread that does not start keeps what it was to do: nothing.
        return thread.submit(store, batch)
    except RuntimeError:
        done: Future[list[Enqueued]] = Future()
        done.set_result(store(batch))
        return done


def _is_full(batch: Drafted) -> bool:
    return len(batch.prepared) + len(batch.refused) == BATCH


def _refused(position: int, reason: str) -> Enqueued:
    return Enqueued(position=position, id=None, result="refused", reason=reason)


def _known(id: UUID, answer: str) -> str:
    if answer == "not_found":
        raise NotFound(f"There is no message {id}.")
    return answer
