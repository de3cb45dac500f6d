"""A table that holds years of final jobs with their journal, made up by Postgres itself."""

from collections.abc import Iterator
from typing import LiteralString

from messaging.postgres.jobs import Postgres

_AT_ONCE = 250_000
_STEPS: tuple[LiteralString, ...] = (
    """
    insert into public.message_jobs (
      id, recipient_phone, message_content, status, attempt, twilio_sid, delivery_status,
      idempotency_key, idempotency_expires_at, segments, prepared_at, sent_at, created_at,
      updated_at, error_code, acknowledged_at
    )
    select
      messaging.new_id(),
      '+1' || 200 + n / 100 %% 800 || '55501' || lpad((n %% 100)::text, 2, '0'),
      'Your appointment number ' || n || ' was at 10:30. Reply C to confirm, or call us.',
      case when is_sent then 'sent' else 'failed' end,
      1,
      case when is_sent then 'SM' || md5(n::text) end,
      case when is_sent then 'delivered' end,
      case when n %% 2 = 0 then 'order ' || n end,
      case when n %% 2 = 0 then stored_at + interval '30 days' end,
      1,
      stored_at,
      case when is_sent then stored_at end,
      stored_at,
      stored_at,
      case when not is_sent then 21211 end,
      case when not is_sent then stored_at end
    from (
      select
        n,
        n %% 50 > 0 as is_sent,
        now() - interval '2 days' - interval '3 years' * (1 - n::float8 / %(rows)s) as stored_at
      from generate_series(%(first)s::bigint, %(last)s::bigint) as n
    ) as numbered
    """,
    """
    insert into messaging.message_events
      (job_id, at, kind, attempt, twilio_sid, delivery_status, details)
    select j.id, j.updated_at, e.kind, 1, j.twilio_sid, e.delivery_status, e.details
    from (
      select * from public.message_jobs order by id desc limit %(last)s - %(first)s + 1
    ) as j
    cross join (
      values ('settled', null, '{"status": "sent"}'::jsonb), ('receipt', 'delivered', '{}')
    ) as e (kind, delivery_status, details)
    where j.status = 'sent'
    """,
)


def fill(conn: Postgres, rows: int) -> Iterator[int]:
    """Stores so many final jobs of the last three years, none of the last two days.

    Yields how many there are so far. A fiftieth failed and was seen to; all others were sent and
    have a settlement and a receipt in their journal.
    """
    # No trigger: history gets no queue entries, and needs no judge.
    conn.execute("set session_replication_role = replica")
    for first in range(1, rows + 1, _AT_ONCE):
        last = min(first + _AT_ONCE - 1, rows)
        for step in _STEPS:
            conn.execute(step, {"rows": rows, "first": first, "last": last})
        yield last
    conn.execute("set session_replication_role = origin")
    # As autovacuum does it within minutes: it must not begin amid a measurement.
    conn.execute("vacuum (analyze) public.message_jobs, messaging.message_events")
