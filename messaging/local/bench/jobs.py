"""Jobs in our own tables, as those sides of a comparison fill and watch them that use these."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

from pydantic import SecretStr

from messaging.local.bench import texts
from messaging.local.bench.site import Site
from messaging.outbox import Messaging

_IS_DONE = """
select
  not exists (
    select from public.message_jobs
    where status in ('scheduled', 'pending', 'processing', 'retrying', 'in_doubt', 'held')
  )
  and not exists (select from public.message_jobs where status = 'failed')
  and not exists (
    select from public.message_jobs where status in ('canceled', 'expired', 'suppressed')
  )
"""
"""By indexes: looks are not to cost what they measure."""
_LAST_SENT = """
select extract(epoch from max(sent_at))::float8
from public.message_jobs
where status = 'sent'
"""
_HAS_BACKLOG = """
select exists (select from public.message_jobs where status = 'pending' and priority = 0)
"""
_HAND_OVER = """
insert into public.message_jobs (recipient_phone, message_content, priority)
values (%s, %s, %s)
"""


class Jobs:
    """The jobs of one database, handed over as an application does it."""

    is_slow = False

    def __init__(self, site: Site, database: str) -> None:
        """The database has been migrated."""
        self._conn = site.connect(database)
        url = SecretStr(site.url_of(database))
        self._messaging = Messaging(site.settings.model_copy(update={"database_url": url}))
        site.on_close(self._messaging.close)

    @contextmanager
    def handing_over(self, count: int) -> Iterator[None]:
        """Rows and their queue entries are in the transaction that commits at the end."""
        with self._conn.transaction():
            self._messaging.enqueue_many(texts.drafts(count), conn=self._conn)
            yield

    def hand_over_one(self, body: str, priority: int = 0) -> float:
        """A bare insert, as from psql: it has to be prepared before it can be sent."""
        with self._conn.transaction():
            self._conn.execute(_HAND_OVER, [texts.recipient(0), body, priority])
            return time.time()

    def is_done(self) -> bool:
        """Whether every job was sent."""
        return bool(self._number(_IS_DONE))

    def has_backlog(self) -> bool:
        """Whether there are jobs without priority that no worker has claimed."""
        return bool(self._number(_HAS_BACKLOG))

    def last_sent(self) -> float:
        """When the last job was settled as sent."""
        return self._number(_LAST_SENT)

    def _number(self, statement: LiteralString) -> float:
        row = self._conn.execute(statement).fetchone()
        return row[0] if row else 0.0
