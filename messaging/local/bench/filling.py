"""A table that has been in use for long: jobs with their journal, made up by Postgres itself."""

from typing import LiteralString

from messaging.local.bench.site import Site

_MOST_RETRYING = 200_000
_JOBS: LiteralString = """
    insert into public.message_jobs (
      id, recipient_phone, message_content, status, attempt, retry_count, due_at, scheduled_for,
      twilio_sid, delivery_status, idempotency_key, segments, prepared_at, sent_at, created_at
    )
    select
      messaging.new_id(),
      '+1' || 200 + n / 100 %% 800 || '55501' || lpad((n %% 100)::text, 2, '0'),
      'Your appointment number ' || n || ' was at 10:30. Reply C to confirm, or call us.',
      status,
      case when status = 'scheduled' then 0 else 1 end,
      case when status = 'retrying' then 1 else 0 end,
      case
        when status = 'scheduled' then now() + make_interval(days => 90, secs => n)
        when status = 'retrying' then now() + make_interval(days => 2, secs => n)
      end,
      case when status = 'scheduled' then now() + make_interval(days => 90, secs => n) end,
      case when status = 'sent' then 'SM' || md5(n::text) end,
      case when status = 'sent' then 'delivered' end,
      case when n %% 2 = 0 then 'order ' || n end,
      1,
      stored_at,
      case when status = 'sent' then stored_at end,
      stored_at
    from (
      select
        n,
        now() - make_interval(days => 10, secs => %(rows)s - n) as stored_at,
        case
          when n %% 10 = 0 then 'scheduled'
          when n %% 50 = 1 and n <= 50 * %(retrying)s::bigint then 'retrying'
          else 'sent'
        end as status
      from generate_series(1, %(rows)s::bigint) as n
    ) as numbered
"""
_STEPS: tuple[LiteralString, ...] = (
    # No trigger: history gets no queue entries, and retries are admitted.
    "set session_replication_role = replica",
    _JOBS + "where status = 'sent'",
    # Then those that are smaller, so that they fill what is left of pages, as in any table that
    # has been in use: else each new text would be put on a page of its own, among old ones.
    "vacuum public.message_jobs",
    _JOBS + "where status <> 'sent'",
    """
    insert into messaging.message_events
      (job_id, at, kind, attempt, twilio_sid, delivery_status, details)
    select j.id, j.sent_at, e.kind, 1, j.twilio_sid, e.delivery_status, e.details
    from public.message_jobs as j
    cross join (
      values
        ('settled', null, '{"status": "sent"}'::jsonb),
        ('receipt', 'sent', '{}'),
        ('receipt', 'delivered', '{}')
    ) as e (kind, delivery_status, details)
    where j.status = 'sent' and j.sent_at < now() - interval '9 days'
    """,
    "set session_replication_role = origin",
    # As autovacuum does it within minutes: it must not begin amid a measurement.
    "vacuum (analyze) public.message_jobs, messaging.message_events",
)


def fill(site: Site, rows: int) -> None:
    """Store so many rows: a tenth is due in months, a fiftieth is a retry for later.

    All others were sent long ago, and have a settlement and two receipts in their journal.
    """
    conn = site.connect("messaging")
    for step in _STEPS:
        conn.execute(step, {"rows": rows, "retrying": _MOST_RETRYING})
