"""Messages that `messaging up` hands over itself, and how they stand."""

from collections.abc import Mapping, Sequence

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from messaging.domain.job import FINAL, JobId, Status
from messaging.errors import Unreachable
from messaging.postgres import messages
from messaging.postgres.connect import OPTIONS
from messaging.postgres.messages import Message
from messaging.postgres.named import query

_DELIVERED = frozenset({"delivered", "read"})
_ENDED = _DELIVERED | {"undelivered", "failed", "canceled"}


class Watch:
    """A connection to the database that is made anew when it is lost."""

    def __init__(self, url: str) -> None:
        """Nothing connects yet."""
        self._url = url
        self._connection: psycopg.Connection[TupleRow] | None = None

    def keep_template(self, name: str, text: str) -> None:
        """Make sure that there is a template of this name."""
        values = {"name": name, "content_template": text, "template_vars": Jsonb({})}
        self._connected().execute(query("templates", "keep_template"), values)

    def hand_over(self, drafts: Sequence[Mapping[str, object]]) -> list[JobId]:
        """Enqueue drafts. Raises Unreachable with the reason where one isn't taken."""
        results = messages.enqueue(self._connected(), drafts)
        refused = [result.reason for result in results if result.id is None]
        if refused:
            raise Unreachable(f"A message of our own was refused: {refused[0]}")
        return [result.id for result in results if result.id]

    def look(self, ids: Sequence[JobId]) -> list[Message]:
        """How they stand; empty while the database doesn't answer."""
        try:
            connection = self._connected()
            shown = [messages.show(connection, id) for id in ids]
        except psycopg.OperationalError:
            self.close()
            return []
        return [message for message in shown if message]

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connected(self) -> psycopg.Connection[TupleRow]:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True, **OPTIONS)
        return self._connection


def is_delivered(message: Message) -> bool:
    """Whether the phone has it."""
    return message.delivery_status in _DELIVERED


def has_ended(message: Message) -> bool:
    """Whether nothing more is expected to happen to it."""
    if message.status == Status.SENT:
        return message.delivery_status in _ENDED
    return message.status in FINAL
