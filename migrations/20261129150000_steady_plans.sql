-- What a text costs is the same with a thousand rows and with ten millions: claim and settle are
-- functions whose plans are kept, and can't be a walk through the whole table or through all that is
-- pending, whatever the planner believes of a table that was small when it made the plan, or that
-- nobody has analyzed yet. `= any(array[x])` is an index condition as `= x` is, and leaves only one way
-- to join: a look into the index for each row that was given.

-- Ordinary steps need no judge: a claim, and an answer that says sent. Whoever takes one of them
-- and writes updated_at as well knows the rules; every other change is looked at as before.
drop trigger message_jobs_change on public.message_jobs;

create trigger message_jobs_change before update of status on public.message_jobs
for each row when (
  old.status is distinct from new.status
  and not (
    new.updated_at is distinct from old.updated_at
    and (
      (old.status = 'pending' and new.status = 'processing' and new.due_at is not null)
      or (old.status = 'processing' and new.status = 'sent' and new.twilio_sid is not null)
    )
  )
)
execute function messaging.refuse_illegal_change();

create function messaging.claim(ids uuid[], lease interval)
returns table (
  id uuid,
  attempt int,
  recipient_phone text,
  message_content text,
  media_urls text[],
  retry_count int,
  max_retries int,
  in_doubt_policy text,
  doubt_resends int
)
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  with ours as materialized (
    select id
    from public.message_jobs
    where
      id = any(ids)
      -- Joined to nothing, so that no index on status fits: all that is pending would be read.
      and status || '' = 'pending'
      and prepared_at is not null
    order by id
    for update skip locked
  )
  update public.message_jobs as j
  set
    status = 'processing',
    attempt = j.attempt + 1,
    claimed_at = clock_timestamp(),
    due_at = clock_timestamp() + lease,
    updated_at = clock_timestamp()
  from ours
  where j.id = any(array[ours.id])
  returning
    j.id,
    j.attempt,
    j.recipient_phone,
    j.message_content,
    j.media_urls,
    j.retry_count,
    j.max_retries,
    coalesce(
      j.in_doubt_policy,
      (select t.in_doubt_policy from public.message_templates as t where t.id = j.template_id)
    ),
    j.doubt_resends;
end
$$;
comment on function messaging.claim(uuid[], interval) is
  'Makes pending messages the caller''s to send, each by one caller only. One that is missing is '
  'somebody else''s, or not pending.';

create function messaging.lock_free(ids uuid[]) returns setof uuid
language plpgsql
set enable_seqscan = off
as $$
begin
  return query
  select id
  from public.message_jobs
  where id = any(ids)
  order by id
  for update skip locked;
end
$$;
comment on function messaging.lock_free(uuid[]) is
  'Locks those of these messages that nobody else has locked, until the end of the transaction; '
  'returns them.';

-- As it was, in two statements: what an attempt comes to is written with its journal.
create or replace function messaging.settle(outcomes jsonb) returns setof uuid
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  done record;
begin
  -- In the order of their ids, so that two groups never wait for each other in a circle.
  with given as materialized (
    select *
    from jsonb_populate_recordset(null::messaging.outcome, outcomes)
    order by job_id
  ),
  changed as (
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
      sent_at = case when g.status = 'sent' then clock_timestamp() end,
      updated_at = clock_timestamp()
    from given as g
    where
      j.id = any(array[g.job_id])
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
        where other.twilio_sid = any(array[g.twilio_sid]) and other.id <> g.job_id
      )
    returning
      j.id, j.status, j.priority, g.status as told, g.kind, g.attempt, g.twilio_sid,
      g.delivery_status, g.details, g.queue, g.msg_id
  ),
  journal as (
    insert into messaging.message_events
      (job_id, kind, attempt, twilio_sid, delivery_status, details)
    select
      id, kind, attempt, twilio_sid, delivery_status,
      coalesce(details, '{}') || jsonb_build_object('status', told)
    from changed
  )
  select
    coalesce(array_agg(id), '{}') as ids,
    array_agg(id) filter (
      where status = 'pending' and messaging.queue_of(priority) = 'sms_priority_queue'
    ) as urgent_again,
    array_agg(id) filter (
      where status = 'pending' and messaging.queue_of(priority) = 'sms_queue'
    ) as normal_again,
    array_agg(msg_id) filter (where queue = 'sms_priority_queue') as urgent_spent,
    array_agg(msg_id) filter (where queue = 'sms_queue') as normal_spent
  into done
  from changed;

  -- A message that goes back to pending, out of doubt or unsent, needs an entry again.
  perform messaging.add_entries('sms_priority_queue', done.urgent_again);
  perform messaging.add_entries('sms_queue', done.normal_again);
  perform messaging.drop_entries('sms_priority_queue', done.urgent_spent);
  perform messaging.drop_entries('sms_queue', done.normal_spent);

  if cardinality(done.ids) < jsonb_array_length(outcomes) then
    perform messaging.note_late_answers(outcomes, done.ids);
  end if;
  return query select unnest(done.ids);
end
$$;

create function messaging.note_late_answers(outcomes jsonb, settled uuid[]) returns void
language plpgsql
as $$
declare
  late messaging.outcome[];
begin
  late := array(
    select o
    from jsonb_populate_recordset(null::messaging.outcome, outcomes) as o
    where o.twilio_sid is not null and o.job_id <> all(settled)
  );
  insert into messaging.message_events
    (job_id, kind, attempt, twilio_sid, delivery_status, details)
  select
    job_id, 'late_answer', attempt, twilio_sid, delivery_status,
    coalesce(details, '{}') || jsonb_build_object('status', status)
  from unnest(late);
  perform messaging.drop_entries('sms_priority_queue', array(
    select msg_id from unnest(late) where queue = 'sms_priority_queue'
  ));
  perform messaging.drop_entries('sms_queue', array(
    select msg_id from unnest(late) where queue = 'sms_queue'
  ));
end
$$;
comment on function messaging.note_late_answers(jsonb, uuid[]) is
  'Writes answers with a SID that settled nothing into the journal, and removes their entries.';

create function messaging.drop_entries(queue text, msg_ids bigint[]) returns void
language plpgsql
as $$
begin
  msg_ids := array_remove(msg_ids, null);
  if coalesce(cardinality(msg_ids), 0) > 0 then
    perform pgmq.delete(queue, msg_ids);
  end if;
end
$$;
comment on function messaging.drop_entries(text, bigint[]) is
  'Removes these entries from the queue; null is none.';

revoke all on function
  messaging.claim(uuid[], interval),
  messaging.lock_free(uuid[]),
  messaging.note_late_answers(jsonb, uuid[]),
  messaging.drop_entries(text, bigint[])
from public;

-- Whoever may settle may do what goes with it.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.settle(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format(
      'grant execute on function messaging.claim, messaging.lock_free, '
      'messaging.note_late_answers, messaging.drop_entries to %s',
      grantee
    );
  end loop;
end
$$;
