-- As it was, with plans that stay: see 20261129150000_steady_plans.sql. The journal's rows are returned as
-- they are written, and what a canceled text is asked is asked only where one was canceled.

create or replace function messaging.record_receipts(receipts jsonb)
returns table (sid text, status text, job_id uuid, is_new boolean)
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  given messaging.receipt[];
begin
  -- A receipt names its job in the URL, or is known by its SID.
  given := array(
    select row(
      coalesce(by_sid.id, by_id.id), r.attempt, r.sid, r.status, r.error_code, r.carrier_time
    )::messaging.receipt
    from jsonb_populate_recordset(null::messaging.receipt, receipts) as r
    left join public.message_jobs as by_sid on by_sid.twilio_sid = any(array[r.sid])
    left join public.message_jobs as by_id on by_id.id = any(array[r.job_id])
  );

  perform from public.message_jobs
  where id = any(array(select g.job_id from unnest(given) as g))
  order by id
  for update;

  return query
  with appended as (
    insert into messaging.message_events
      (job_id, kind, attempt, twilio_sid, delivery_status, details)
    select
      g.job_id, 'receipt', g.attempt, g.sid, g.status,
      jsonb_strip_nulls(
        jsonb_build_object('error_code', g.error_code, 'carrier_time', g.carrier_time)
      )
    from unnest(given) as g
    order by g.sid, g.status
    on conflict (twilio_sid, delivery_status) where kind = 'receipt' do nothing
    returning twilio_sid, delivery_status, job_id
  )
  select twilio_sid, delivery_status, job_id, true
  from appended;

  -- A text that was wanted back for another time, and that Twilio dropped, is ours again.
  if exists (select from unnest(given) as g where g.status = 'canceled') then
    update public.message_jobs as j
    set
      due_at = j.scheduled_for,
      twilio_sid = null,
      delivery_status = null,
      handed_over_at = null,
      recall = null
    from unnest(given) as g
    where
      j.id = any(array[g.job_id])
      and j.twilio_sid = g.sid
      and g.status = 'canceled'
      and j.status = 'scheduled'
      and j.recall = 'reschedule';
  end if;

  -- A SID in a signed receipt proves that Twilio has the message, whatever we believed. That
  -- Twilio dropped one is no news of a job that has no SID: it was taken back since. That Twilio
  -- keeps one is none either: whoever asked for that settles it, or Twilio's list does. With a SID
  -- and nothing else written, the job would be in doubt for ever: the list's text would be owned.
  update public.message_jobs as j
  set
    status = case
      when j.status = 'sent' then j.status
      when latest.status = 'scheduled' then j.status
      when latest.status = 'canceled' then
        case when messaging.can_become(j.status, 'canceled') then 'canceled' else j.status end
      else 'sent'
    end,
    twilio_sid = latest.sid,
    sent_at = case
      when latest.status in ('scheduled', 'canceled') then j.sent_at
      else coalesce(j.sent_at, clock_timestamp())
    end,
    due_at = case when latest.status = 'scheduled' then j.due_at end,
    delivery_status = latest.status,
    delivered_at = case
      when latest.status in ('delivered', 'read') then coalesce(j.delivered_at, clock_timestamp())
      else j.delivered_at
    end,
    error_code = coalesce(latest.error_code, j.error_code)
  from (
    select distinct on (g.job_id) g.*
    from unnest(given) as g
    join public.message_jobs as known on known.id = any(array[g.job_id])
    where
      known.twilio_sid = g.sid
      or known.twilio_sid is null
      and g.status <> 'scheduled'
      and (
        g.status <> 'canceled'
        or (
          known.status in ('processing', 'in_doubt', 'held')
          and coalesce(g.attempt, known.attempt) = known.attempt
        )
      )
    order by g.job_id, messaging.delivery_rank(g.status) desc
  ) as latest
  where
    j.id = any(array[latest.job_id])
    and (
      j.twilio_sid is null
      or messaging.delivery_rank(latest.status) > messaging.delivery_rank(j.delivery_status)
    );
end
$$;
