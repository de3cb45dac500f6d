"""The original architecture's producer, translated statement by statement from its TypeScript.

`MessageQueueProducer.enqueueMessage` in its section 3.2: an insert, then a second call that puts
the whole job into a queue. supabase-js sends each as a request, so each is a transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NotRequired, TypedDict
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb


class MessageJob(TypedDict):
    """`interface MessageJob`."""

    id: str
    recipient_phone: str
    message_content: str
    template_id: NotRequired[str]
    template_vars: NotRequired[Mapping[str, object]]
    scheduled_for: NotRequired[str]
    priority: NotRequired[int]
    metadata: NotRequired[Mapping[str, object]]


class MessageQueueProducer:
    """`class MessageQueueProducer`, with a connection that commits each statement."""

    def __init__(self, db: Connection[TupleRow]) -> None:
        self._db = db

    def enqueue_message(self, job: MessageJob, now: datetime) -> UUID:
        """`enqueueMessage`: the id of the row that it inserted."""
        id = self._insert({**job, "status": "scheduled" if job.get("scheduled_for") else "pending"})
        scheduled_for = job.get("scheduled_for")
        should_queue = not scheduled_for or datetime.fromisoformat(scheduled_for) <= now
        if should_queue:
            queue = "sms_priority_queue" if job.get("priority", 0) > 5 else "sms_queue"
            self._db.execute("select pgmq.send(%s, %s)", [queue, Jsonb({"job_id": str(id), **job})])
        return id

    def _insert(self, row: Mapping[str, object]) -> UUID:
        values = [Jsonb(value) if isinstance(value, Mapping) else value for value in row.values()]
        statement = sql.SQL("insert into message_jobs ({}) values ({}) returning id").format(
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        )
        inserted = self._db.execute(statement, values).fetchone()
        assert inserted is not None
        id: UUID = inserted[0]
        return id
