-- What the service itself does to a job: promote, settle, record receipts. Each is one function
-- of several statements, because a statement that both changes jobs and calls pgmq would see the
-- two at different moments.

create function messaging.promote(most int default 1000) returns int
language plpgsql
as $$
declare
  urgent uuid[];
  normal uuid[];
begin
  -- Two walks along the index, a status each: one for both would sort all that is due.
  with scheduled as (
    select id
    from public.message_jobs
    where
      status = 'scheduled'
      and due_at <= statement_timestamp()
      and handed_over_at is null
    order by due_at
    limit most
    for update skip locked
  ),
  retrying as (
    select id
    from public.message_jobs
    where
      status = 'retrying'
      and due_at <= statement_timestamp()
      and handed_over_at is null
    order by due_at
    limit most - (select count(*) from scheduled)
    for update skip locked
  ),
  due as (
    select id from scheduled
    union all
    select id from retrying
  ),
  promoted as (
    update public.message_jobs as j
    set status = 'pending', due_at = clock_timestamp()
    from due
    where j.id = due.id
    returning j.id, messaging.queue_of(j.priority) as queue
  )
  select
    array_agg(id) filter (where queue = 'sms_priority_queue'),
    array_agg(id) filter (where queue = 'sms_queue')
  into urgent, normal
  from promoted;

  perform messaging.add_entries('sms_priority_queue', urgent);
  perform messaging.add_entries('sms_queue', normal);
  return coalesce(cardinality(urgent), 0) + coalesce(cardinality(normal), 0);
end
$$;
comment on function messaging.promote(int) is
  'Puts messages whose time has come into their queue; returns how many. Safe to run anywhere, '
  'any number of times at once.';

create type messaging.outcome as (
  job_id uuid,
  attempt int,
  status text,
  due_in double precision,
  retry_count int,
  doubt_resends int,
  twilio_sid text,
  delivery_status text,
  error_code int,
  error_details jsonb,
  segments int,
  handed_over boolean,
  kind text,
  details jsonb,
  queue text,
  msg_id bigint
);
comment on type messaging.outcome is
  'What an attempt comes to: the job''s new status and all that goes with it. due_in is in '
  'seconds.';

-- Settles attempts. A job that is no longer in the attempt that the caller claimed is left as it
-- is; only proof that Twilio has the message (a SID) still counts while the attempt is the last.
create function messaging.settle(outcomes jsonb) returns setof uuid
language plpgsql
as $$
declare
  given messaging.outcome[];
  settled uuid[];
  entries record;
begin
  given := array(select o from jsonb_populate_recordset(null::messaging.outcome, outcomes) as o);

  -- In the order of their ids, so that two groups never wait for each other in a circle.
  perform from public.message_jobs
  where id in (select g.job_id from unnest(given) as g)
  order by id
  for update;

  with changed as (
    update public.message_jobs as j
    set
      -- Somebody wanted it canceled while it was under way: it is not sent again.
      status = case
        when j.recall = 'cancel' and g.status in ('pending', 'retrying') then 'canceled'
        when j.recall = 'cancel' and g.status = 'scheduled' and g.handed_over is not true
          then 'canceled'
        else g.status
      end,
      recall = case when g.handed_over or g.status = 'in_doubt' then j.recall end,
      due_at = case
        when j.recall = 'cancel' and g.handed_over then clock_timestamp()
        when j.recall = 'cancel' and g.status in ('pending', 'retrying', 'scheduled') then null
        else clock_timestamp() + make_interval(secs => g.due_in)
      end,
      retry_count = coalesce(g.retry_count, j.retry_count),
      doubt_resends = coalesce(g.doubt_resends, j.doubt_resends),
      clean_reads = 0,
      twilio_sid = g.twilio_sid,
      delivery_status = coalesce(g.delivery_status, j.delivery_status),
      error_code = g.error_code,
      error_details = g.error_details,
      segments = coalesce(g.segments, j.segments),
      handed_over_at = case when g.handed_over then clock_timestamp() end,
      sent_at = case when g.status = 'sent' then clock_timestamp() end
    from unnest(given) as g
    where
      j.id = g.job_id
      and j.attempt = g.attempt
      and j.twilio_sid is null
      and (
        j.status = 'processing'
        or (j.status = 'in_doubt' and (g.kind = 'reconciled' or g.twilio_sid is not null))
        or g.status = 'sent'
        or (j.status = 'scheduled' and g.twilio_sid is not null)
      )
      and not exists (
        select from public.message_jobs as other
        where other.twilio_sid = g.twilio_sid and other.id <> g.job_id
      )
    returning j.id
  )
  select array_agg(id) into settled from changed;

  insert into messaging.message_events
    (job_id, kind, attempt, twilio_sid, delivery_status, details)
  select
    g.job_id,
    case when g.job_id = any(settled) then g.kind else 'late_answer' end,
    g.attempt,
    g.twilio_sid,
    g.delivery_status,
    coalesce(g.details, '{}') || jsonb_build_object('status', g.status)
  from unnest(given) as g
  where g.job_id = any(settled) or g.twilio_sid is not null;

  -- A message that goes back to pending, out of doubt or unsent, needs an entry again.
  for entries in
    select messaging.queue_of(j.priority) as queue, array_agg(j.id) as ids
    from public.message_jobs as j
    where j.id = any(settled) and j.status = 'pending'
    group by 1
  loop
    perform messaging.add_entries(entries.queue, entries.ids);
  end loop;

  for entries in
    select g.queue, array_agg(g.msg_id) as ids
    from unnest(given) as g
    where g.msg_id is not null and (g.job_id = any(settled) or g.twilio_sid is not null)
    group by g.queue
  loop
    perform pgmq.delete(entries.queue, entries.ids);
  end loop;

  return query select unnest(settled);
end
$$;
comment on function messaging.settle(jsonb) is
  'Writes what attempts came to, with their journal, and removes their queue entries; returns '
  'the jobs that it settled. A job that is missing was settled by somebody who knew better.';

create function messaging.delivery_rank(status text) returns int
language sql
immutable
parallel safe
return case status
  when 'scheduled' then 1
  when 'accepted' then 2
  when 'queued' then 3
  when 'sending' then 4
  when 'sent' then 5
  when 'partially_delivered' then 6
  when 'delivered' then 7
  when 'undelivered' then 7
  when 'failed' then 7
  when 'canceled' then 7
  when 'read' then 8
  else 0
end;
comment on function messaging.delivery_rank(text) is
  'Later words of Twilio on one message rank higher; a lower one never overwrites a higher one.';

create type messaging.receipt as (
  job_id uuid,
  attempt int,
  sid text,
  status text,
  error_code int,
  carrier_time text
);
comment on type messaging.receipt is 'One status callback from Twilio.';

create function messaging.record_receipts(receipts jsonb)
returns table (sid text, status text, job_id uuid, is_new boolean)
language plpgsql
as $$
#variable_conflict use_column
declare
  given messaging.receipt[];
  fresh bigint[];
begin
  -- A receipt names its job in the URL, or is known by its SID.
  given := array(
    select row(
      coalesce(by_sid.id, by_id.id), r.attempt, r.sid, r.status, r.error_code, r.carrier_time
    )::messaging.receipt
    from jsonb_populate_recordset(null::messaging.receipt, receipts) as r
    left join public.message_jobs as by_sid on by_sid.twilio_sid = r.sid
    left join public.message_jobs as by_id on by_id.id = r.job_id
  );

  perform from public.message_jobs
  where id in (select g.job_id from unnest(given) as g)
  order by id
  for update;

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
    returning id
  )
  select array_agg(id) into fresh from appended;

  -- A text that was wanted back for another time, and that Twilio dropped, is ours again.
  update public.message_jobs as j
  set
    due_at = j.scheduled_for,
    twilio_sid = null,
    delivery_status = null,
    handed_over_at = null,
    recall = null
  from unnest(given) as g
  where
    j.id = g.job_id
    and j.twilio_sid = g.sid
    and g.status = 'canceled'
    and j.status = 'scheduled'
    and j.recall = 'reschedule';

  -- A SID in a signed receipt proves that Twilio has the message, whatever we believed. That
  -- Twilio dropped one is no news of a job that has no SID: it was taken back since.
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
    join public.message_jobs as known on known.id = g.job_id
    where
      known.twilio_sid = g.sid
      or known.twilio_sid is null
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
    j.id = latest.job_id
    and (
      j.twilio_sid is null
      or messaging.delivery_rank(latest.status) > messaging.delivery_rank(j.delivery_status)
    );

  return query
  select e.twilio_sid, e.delivery_status, e.job_id, true
  from messaging.message_events as e
  where e.id = any(fresh);
end
$$;
comment on function messaging.record_receipts(jsonb) is
  'Records status callbacks: journal and a delivery_status that only moves forward. Returns those '
  'that were new; a null job_id fits no message.';

-- Jobs that have been pending for a while and have no queue entry: somebody removed it.
create function messaging.restore_entries(older_than double precision, most int default 10000)
returns int
language plpgsql
as $$
declare
  lane record;
  restored int := 0;
begin
  for lane in
    with waiting as materialized (
      select id, messaging.queue_of(priority) as queue
      from public.message_jobs
      where
        status = 'pending'
        and due_at < statement_timestamp() - make_interval(secs => older_than)
      order by due_at
      limit most
    )
    select waiting.queue, array_agg(waiting.id) as ids
    from waiting
    where
      not exists (
        select from pgmq.q_sms_queue as entry
        where entry.message ->> 'job_id' = waiting.id::text
      )
      and not exists (
        select from pgmq.q_sms_priority_queue as entry
        where entry.message ->> 'job_id' = waiting.id::text
      )
    group by waiting.queue
  loop
    perform messaging.add_entries(lane.queue, lane.ids);
    restored := restored + cardinality(lane.ids);
  end loop;
  return restored;
end
$$;
comment on function messaging.restore_entries(double precision, int) is
  'Gives pending messages whose queue entry is gone a new one; returns how many.';
