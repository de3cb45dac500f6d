"""Our side: the service as it is installed, with the settings that it has by default."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString

from messaging.local.bench import texts
from messaging.local.bench.site import Site
from messaging.local.processes import BEAT, BRIDGE, WORKER
from messaging.outbox import Messaging

_COMMANDS = (BRIDGE, WORKER, BEAT)

_IS_DONE = "select not exists (select from public.message_jobs where twilio_sid is null)"
_LAST_SENT = """
select extract(epoch from max(sent_at))::float8
from public.message_jobs
where status = 'sent'
"""
_HAND_OVER = """
insert into public.message_jobs (recipient_phone, message_content)
values (%s, %s)
"""


class Ours:
    """A bridge, one worker and beat."""

    def __init__(self, site: Site) -> None:
        """Start the processes; they are at work once the first text is sent."""
        self._site = site
        self._conn = site.connect("messaging")
        self._messaging = Messaging(site.settings)
        site.on_close(self._messaging.close)
        for command in _COMMANDS:
            site.start_command(command)

    @property
    def pids(self) -> Sequence[int]:
        """The three, with Postgres and Valkey."""
        return self._site.pids(*(command.name for command in _COMMANDS))

    @contextmanager
    def handing_over(self, count: int) -> Iterator[None]:
        """Rows and their queue entries are in the transaction that commits at the end."""
        with self._conn.transaction():
            self._messaging.enqueue_many(texts.drafts(count), conn=self._conn)
            yield

    def hand_over_one(self, body: str) -> float:
        """A bare insert, as from psql: the bridge has to prepare it."""
        with self._conn.transaction():
            self._conn.execute(_HAND_OVER, [texts.recipient(0), body])
            return time.time()

    def is_done(self) -> bool:
        """Whether every job has a SID."""
        return bool(self._number(_IS_DONE))

    def last_sent(self) -> float:
        """When the last job was settled as sent."""
        return self._number(_LAST_SENT)

    def _number(self, statement: LiteralString) -> float:
        row = self._conn.execute(statement).fetchone()
        return row[0] if row else 0.0
