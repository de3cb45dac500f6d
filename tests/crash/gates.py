"""Places in Postgres where a process can be held: in a statement of a chosen job, or in its commit.

A gate is a lock of the test's. Triggers that the test adds to its own database wait for it, in
the name of the process whose statement fired them. So a test knows where a process is when it
kills it, and the product needs no hooks.

Killed in a statement, a process leaves nothing behind: its transaction is rolled back. Killed in
its commit it leaves everything: Postgres has the commit already, and only the answer is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

_CLASS: Final = 0x63726173
"""Of the advisory locks; the bridge's have other numbers."""

_SCHEMA = f"""
create schema crash;
create table crash.gates (
  id int generated always as identity primary key,
  change text not null,
  moment text not null,
  body text not null
);
create index on crash.gates (body);

create function crash.pass(change text, moment text, body text) returns void
language plpgsql
as $$
declare
  gate int;
begin
  for gate in
    select g.id from crash.gates as g
    where g.body = pass.body and g.change = pass.change and g.moment = pass.moment
  loop
    perform pg_advisory_xact_lock_shared({_CLASS}, gate);
  end loop;
end
$$;

create function crash.job_changes() returns trigger
language plpgsql
as $$
begin
  perform crash.pass(
    case
      when tg_op = 'INSERT' then 'insert'
      when old.status <> new.status then old.status || ' > ' || new.status
      when old.clean_reads < new.clean_reads then 'clean read'
      when old.prepared_at is null and new.prepared_at is not null then 'prepare'
    end,
    tg_argv[0],
    new.message_content
  );
  return new;
end
$$;
create trigger zz_gate before insert or update on public.message_jobs
for each row execute function crash.job_changes('statement');
create constraint trigger zz_gate_of_commit after insert or update on public.message_jobs
deferrable initially deferred for each row execute function crash.job_changes('commit');

create function crash.receipt_comes() returns trigger
language plpgsql
as $$
begin
  perform crash.pass(
    'receipt ' || new.delivery_status,
    tg_argv[0],
    (select message_content from public.message_jobs where id = new.job_id)
  );
  return new;
end
$$;
create trigger zz_gate before insert on messaging.message_events
for each row when (new.kind = 'receipt') execute function crash.receipt_comes('statement');
create constraint trigger zz_gate_of_commit after insert on messaging.message_events
deferrable initially deferred
for each row when (new.kind = 'receipt') execute function crash.receipt_comes('commit');

create function crash.entry_changes() returns trigger
language plpgsql
as $$
begin
  perform crash.pass(
    case tg_op when 'INSERT' then 'entry' else 'lease' end,
    tg_argv[0],
    coalesce(
      (
        select message_content from public.message_jobs
        where id::text = new.message ->> 'job_id'
      ),
      new.message ->> 'message_content'
    )
  );
  return new;
end
$$;
"""
_ON_QUEUE = """
create trigger zz_gate before insert or update on pgmq.q_{queue}
for each row execute function crash.entry_changes('statement');
create constraint trigger zz_gate_of_commit after insert or update on pgmq.q_{queue}
deferrable initially deferred for each row execute function crash.entry_changes('commit');
"""


class Moment(StrEnum):
    """Where in its transaction a process is held."""

    STATEMENT = "statement"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A place: this change, of the job with this text, at this moment.

    Changes: `pending > processing` and other statuses, `insert`, `prepare`, `clean read`,
    `receipt delivered` and other words of Twilio's, `entry`, `lease`.
    """

    change: str
    moment: Moment
    body: str


def install(url: str) -> None:
    """Adds the triggers to a database of the tests' own, before anybody uses it."""
    with psycopg.connect(url) as conn:
        conn.execute(_SCHEMA.encode())
        for queue in ("sms_queue", "sms_priority_queue"):
            conn.execute(_ON_QUEUE.format(queue=queue).encode())


class Gates:
    """The gates of one database; all are open unless the test has shut them."""

    def __init__(self, url: str) -> None:
        """The database has the triggers already."""
        self._url = url
        self._conn = self._connect()
        self._shut: dict[Gate, int] = {}

    def shut(self, gate: Gate) -> None:
        """Whoever comes to this gate from now on waits."""
        if not self._shut:  # Postgres may have been killed since
            self._conn.close()
            self._conn = self._connect()
        row = self._conn.execute(
            "insert into crash.gates (change, moment, body) values (%s, %s, %s) returning id",
            [gate.change, gate.moment, gate.body],
        ).fetchone()
        assert row is not None
        self._conn.execute("select pg_advisory_lock(%s, %s)", [_CLASS, row[0]])
        self._shut[gate] = row[0]

    def somebody_waits_at(self, gate: Gate) -> bool:
        """Whether a process has come to the gate and is held there."""
        row = self._conn.execute(
            "select exists (select from pg_locks where locktype = 'advisory' "
            "and classid = %s and objid = %s and not granted)",
            [_CLASS, self._shut[gate]],
        ).fetchone()
        assert row is not None
        return bool(row[0])

    def open(self, gates: Iterable[Gate]) -> None:
        """Lets pass whoever waits, and whoever comes."""
        for gate in gates:
            self._conn.execute("select pg_advisory_unlock(%s, %s)", [_CLASS, self._shut.pop(gate)])

    def open_all(self) -> None:
        """Lets everybody pass."""
        self.open(list(self._shut))

    def close(self) -> None:
        """Opens all gates."""
        self._conn.close()

    def _connect(self) -> Connection[TupleRow]:
        return psycopg.connect(self._url, autocommit=True)
