"""What a person decides: one function for each named query of `sql/decisions.sql`."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from messaging.domain.decision import Answer, Wish
from messaging.domain.job import JobId
from messaging.postgres.jobs import Postgres
from messaging.postgres.named import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A message that a person should look at: held, or in doubt for more than ten minutes.

    `since` is when it came to be so; `due_at` is when Twilio is asked again.
    """

    id: JobId
    status: str
    since: datetime
    attempt: int
    recipient_phone: str
    scheduled_for: datetime | None
    reason: str | None
    due_at: datetime | None


def held(conn: Postgres, most: int) -> list[Held]:
    """Those that wait longest, at most so many."""
    with conn.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(query("decisions", "held"), {"most": most}).fetchall()


def held_count(conn: Postgres) -> int:
    """How many there are."""
    row = conn.execute(query("decisions", "held_count")).fetchone()
    return int(row[0]) if row else 0


def resolve(conn: Postgres, wish: Wish) -> Answer:
    """Does what a person decided, in the connection's transaction, and says what became of it."""
    row = conn.execute(
        query("decisions", "resolve"),
        {"by": wish.by, "id": wish.id, "decision": wish.decision, "sid": wish.sid},
    ).fetchone()
    return Answer(row[0]) if row else Answer.NOT_FOUND
