"""Hands messages over: the Python face of `messaging.enqueue`, with all that SQL cannot check."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from itertools import islice
from types import TracebackType
from typing import Self
from uuid import UUID

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from messaging.domain.draft import Draft, Prepared, TemplateSource, prepare, priority_for
from messaging.domain.job import JobId
from messaging.errors import NotFound, Refused
from messaging.postgres import connect, messages
from messaging.postgres.messages import Enqueued, Event, Message
from messaging.settings import Settings, load

Postgres = Connection[TupleRow]

_BATCH = 1000


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
        thousand are committed together.
        """
        answers: list[Enqueued] = []
        for batch in _batches(drafts):
            with self._connection(conn) as mine:
                answers += _enqueue(mine, batch, len(answers), self._settings)
        return answers

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

        Returns `rescheduled`, `rescheduling` (Twilio keeps it and is asked to give it back) or
        `too_late`. Raises NotFound and Refused.
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

    def _connection(self, conn: Postgres | None) -> AbstractContextManager[Postgres]:
        return nullcontext(conn) if conn is not None else self._pool.connection()


def _enqueue(
    conn: Postgres, batch: Sequence[Draft], before: int, settings: Settings
) -> list[Enqueued]:
    """Stores what can be stored; `before` is how many drafts came before this batch."""
    templates = _templates(conn, batch)
    answers: dict[int, Enqueued] = {}
    rows: list[tuple[int, Mapping[str, object]]] = []
    for position, draft in enumerate(batch, start=before + 1):
        try:
            prepared = prepare(draft, templates.get(str(draft.template)), settings.default_region)
        except Refused as refusal:
            answers[position] = Enqueued(
                position=position, id=None, result="refused", reason=str(refusal)
            )
            continue
        rows.append((position, _row(prepared, settings)))
    if rows:
        stored = messages.enqueue(conn, [row for _, row in rows])
        for (position, _), answer in zip(rows, stored, strict=True):
            answers[position] = Enqueued(
                position=position, id=answer.id, result=answer.result, reason=answer.reason
            )
    return [answers[position] for position in sorted(answers)]


def _templates(conn: Postgres, batch: Sequence[Draft]) -> dict[str, TemplateSource]:
    """The templates that these drafts name, each read once."""
    found: dict[str, TemplateSource] = {}
    for wanted in {str(draft.template) for draft in batch if draft.template is not None}:
        row = messages.template(conn, wanted)
        if row is not None:
            found[wanted] = TemplateSource(
                id=row.id,
                name=row.name,
                content_template=row.content_template,
                template_vars=row.template_vars,
            )
    return found


def _row(prepared: Prepared, settings: Settings) -> Mapping[str, object]:
    """The prepared draft as `messaging.enqueue` takes it; absent means the default."""
    row: dict[str, object | None] = {
        "id": str(prepared.id) if prepared.id else None,
        "user_id": str(prepared.user_id) if prepared.user_id else None,
        "recipient_phone": prepared.recipient_phone,
        "message_content": prepared.message_content,
        "template_id": str(prepared.template_id) if prepared.template_id else None,
        "template_vars": dict(prepared.template_vars) if prepared.template_id else None,
        "scheduled_for": prepared.scheduled_for.isoformat() if prepared.scheduled_for else None,
        "priority": prepared.priority,
        "max_retries": settings.max_retries
        if prepared.max_retries is None
        else prepared.max_retries,
        "metadata": dict(prepared.metadata),
        "media_urls": list(prepared.media_urls),
        "in_doubt_policy": prepared.in_doubt_policy,
        "idempotency_key": prepared.idempotency_key,
        "segments": prepared.segments,
        "prepared": True,
    }
    return {key: value for key, value in row.items() if value is not None}


def _batches(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    iterator = iter(drafts)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _known(id: UUID, answer: str) -> str:
    if answer == "not_found":
        raise NotFound(f"There is no message {id}.")
    return answer
