"""A plain table of texts, as those sides of a comparison fill and watch it that are not ours."""

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString

from messaging.local.bench import texts
from messaging.local.bench.site import Site

_TABLE = """
create table texts (
  id bigint generated always as identity primary key,
  phone text not null,
  body text not null,
  status text not null default 'pending',
  sid text,
  created_at timestamptz not null default now(),
  sent_at timestamptz
)
"""
_STORE = """
insert into texts (phone, body)
select * from unnest(%s::text[], %s::text[])
returning id
"""
_IS_DONE = "select not exists (select from texts where id > %s and sid is null), max(id) from texts"
"""Looks only at what came since all were done: it is not to cost what it measures."""
_LAST_SENT = "select extract(epoch from max(sent_at))::float8 from texts"


class Rows:
    """A table in a database of its own, so that no trigger and no index of ours slows it down."""

    is_slow = False

    def __init__(self, site: Site, database: str) -> None:
        """Make both."""
        self._url = site.new_database(database)
        self._conn = site.connect(database)
        self._conn.execute(_TABLE)
        self._done = 0

    def is_done(self) -> bool:
        """Whether every row has a SID."""
        row = self._conn.execute(_IS_DONE, [self._done]).fetchone()
        if row is None or not row[0]:
            return False
        self._done = row[1] or 0
        return True

    def last_sent(self) -> float:
        """When the last row was marked as sent."""
        return self._number(_LAST_SENT)

    def _store(self, bodies: Sequence[str]) -> list[int]:
        phones = [texts.recipient(n) for n in range(len(bodies))]
        rows = self._conn.execute(_STORE, [phones, list(bodies)]).fetchall()
        return [id for (id,) in rows]

    def _number(self, statement: LiteralString) -> float:
        row = self._conn.execute(statement).fetchone()
        return row[0] if row else 0.0


class RowsAndJobs(Rows):
    """The same of a side whose jobs are in that database as well: a row and its job are in one
    transaction."""

    @contextmanager
    def handing_over(self, count: int) -> Iterator[None]:
        """Rows and their jobs are in the transaction that commits at the end."""
        with self._conn.transaction():
            self._add([texts.body(n) for n in range(count)])
            yield

    def hand_over_one(self, body: str) -> float:
        """A row and its job in one transaction."""
        with self._conn.transaction():
            self._add([body])
            return time.time()

    def _add(self, bodies: Sequence[str]) -> None:
        self._add_jobs(self._store(bodies))

    @abstractmethod
    def _add_jobs(self, ids: Sequence[int]) -> None:
        """A job for each of these rows."""
