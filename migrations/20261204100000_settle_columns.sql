-- Outcomes come as columns, not as JSON: Postgres reads arrays in a third of the time.

create function messaging.settle(
  job_ids uuid[],
  attempts integer[],
  statuses text[],
  kinds text[],
  twilio_sids text[],
  delivery_statuses text[],
  segments integer[],
  details text[],
  queues text[],
  msg_ids bigint[],
  handed_over boolean[],
  due_in double precision[],
  retry_counts integer[],
  doubt_resends integer[],
  error_codes integer[],
  error_details text[],
  patience integer
) returns setof uuid
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  done record;
  usual text := current_setting('lock_timeout');
begin
  -- Until this is written, and not until the commit, which may wait for a deferred trigger.
  perform set_config('lock_timeout', settle.patience::text, true)
  where settle.patience is not null;

  -- In the order of their ids, so that two groups never wait for each other in a circle.
  with given as materialized (
    select *
    from
      unnest(
        settle.job_ids, settle.attempts, settle.statuses, settle.kinds, settle.twilio_sids,
        settle.delivery_statuses, settle.segments, settle.details, settle.queues, settle.msg_ids,
        settle.handed_over, settle.due_in, settle.retry_counts, settle.doubt_resends,
        settle.error_codes, settle.error_details
      ) as one (
        job_id, attempt, status, kind, twilio_sid,
        delivery_status, segments, details, queue, msg_id,
        handed_over, due_in, retry_count, doubt_resends,
        error_code, error_details
      )
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
      error_details = g.error_details::jsonb,
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
      j.id, j.status, j.priority, g.kind, g.attempt, g.twilio_sid, g.delivery_status, g.details,
      g.queue, g.msg_id
  ),
  journal as (
    insert into messaging.message_events
      (job_id, kind, attempt, twilio_sid, delivery_status, details)
    select id, kind, attempt, twilio_sid, delivery_status, details::jsonb
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

  perform set_config('lock_timeout', usual, true)
  where settle.patience is not null;

  -- A message that goes back to pending, out of doubt or unsent, needs an entry again.
  perform messaging.add_entries('sms_priority_queue', done.urgent_again);
  perform messaging.add_entries('sms_queue', done.normal_again);
  perform messaging.drop_entries('sms_priority_queue', done.urgent_spent);
  perform messaging.drop_entries('sms_queue', done.normal_spent);

  if cardinality(done.ids) < cardinality(settle.job_ids) then
    perform messaging.note_late_answers(
      (
        select jsonb_agg(to_jsonb(one) || jsonb_build_object('details', one.details::jsonb))
        from
          unnest(
            settle.job_ids, settle.attempts, settle.statuses, settle.twilio_sids,
            settle.delivery_statuses, settle.details, settle.queues, settle.msg_ids
          ) as one (
            job_id, attempt, status, twilio_sid, delivery_status, details, queue, msg_id
          )
      ),
      done.ids
    );
    return query select unnest(settle.job_ids) except select unnest(done.ids);
  end if;
end
$$;
comment on function messaging.settle(
  uuid[], integer[], text[], text[], text[], text[], integer[], text[], text[], bigint[],
  boolean[], double precision[], integer[], integer[], integer[], text[], integer
) is
  'Writes what attempts came to: an array for each column, null for a column that no outcome has; '
  'details and errors are JSON. Returns the jobs that were not settled: somebody knew better. '
  'Waits for a row that somebody holds for so many milliseconds, null: as usual.';

-- For workers of the version before, which run on while this is applied.
create or replace function messaging.settle(outcomes jsonb) returns setof uuid
language sql
as $$
with given as (
  select * from jsonb_populate_recordset(null::messaging.outcome, outcomes)
)
select job_id
from given
except
select messaging.settle(
  array_agg(job_id),
  array_agg(attempt),
  array_agg(status),
  array_agg(kind),
  array_agg(twilio_sid),
  array_agg(delivery_status),
  array_agg(segments),
  array_agg((coalesce(details, '{}') || jsonb_build_object('status', status))::text),
  array_agg(queue),
  array_agg(msg_id),
  array_agg(handed_over),
  array_agg(due_in),
  array_agg(retry_count),
  array_agg(doubt_resends),
  array_agg(error_code),
  array_agg(error_details::text),
  null
)
from given
$$;

revoke all on function messaging.settle(
  uuid[], integer[], text[], text[], text[], text[], integer[], text[], text[], bigint[],
  boolean[], double precision[], integer[], integer[], integer[], text[], integer
) from public;

-- Whoever could settle still can.
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
      'grant execute on function messaging.settle('
      'uuid[], integer[], text[], text[], text[], text[], integer[], text[], text[], bigint[], '
      'boolean[], double precision[], integer[], integer[], integer[], text[], integer) to %s',
      grantee
    );
  end loop;
end
$$;
