-- Dead letters: what has failed for good, is held, or could not be read. Looked at, replayed as new
-- messages where it is proved that no text went out, or discarded; nothing of them is ever deleted.

alter table public.message_jobs add column acknowledged_at timestamptz;
comment on column public.message_jobs.acknowledged_at is
  'Of a failed message: when a person replayed or discarded it; it is no dead letter since.';

-- serves: dead_letters, find_dead
create index message_jobs_dead on public.message_jobs (updated_at)
where status = 'failed' and acknowledged_at is null;

-- serves: replay_as; a message that was replayed knows its replays
create index message_jobs_retry_of on public.message_jobs (retry_of)
where retry_of is not null;

-- With its owner's rights: the service role need not be let into the queues for it.
create view messaging.dead_letters as
select
  j.status as kind,
  j.id,
  null::bigint as msg_id,
  j.updated_at as since,
  case when j.priority > 5 then 'urgent' else 'normal' end as lane,
  j.user_id,
  j.recipient_phone,
  j.attempt,
  j.error_code,
  coalesce(j.error_details ->> 'message', j.error_details ->> 'reason') as reason
from public.message_jobs as j
where
  (j.status = 'failed' and j.acknowledged_at is null)
  or j.status = 'held'
union all
select
  'unreadable',
  null,
  letter.msg_id,
  letter.enqueued_at,
  case letter.message ->> 'queue'
    when 'sms_priority_queue' then 'urgent'
    when 'sms_queue' then 'normal'
  end,
  null,
  coalesce(
    letter.message -> 'message' ->> 'recipient_phone', letter.message -> 'message' ->> 'to'
  ),
  null,
  null,
  letter.message ->> 'reason'
from pgmq.q_sms_dlq as letter;
comment on view messaging.dead_letters is
  'What has failed for good and nobody has looked at, what is held, and what could not be read. A '
  'message has an id, an entry of sms_dlq a msg_id.';

-- All messages that send this one again, and those that send them again.
create function messaging.replays_of(job uuid) returns setof uuid
language sql
stable
begin atomic
  with recursive later as (
    select j.id from public.message_jobs as j where j.retry_of = job
    union
    select j.id from public.message_jobs as j join later on j.retry_of = later.id
  )
  select id from later;
end;
comment on function messaging.replays_of(uuid) is
  'The messages that send this one again, and those that send them again.';

-- Why a message is not replayed, in a word; null where it may be. What may be out is never
-- repeated, whatever `again` says: that is only about replays which have ended without going out.
create function messaging.why_not_replayed(job public.message_jobs, again boolean) returns text
language sql
stable
return case
  when job.status = 'held' then 'held'
  when job.status = 'in_doubt' then 'in_doubt'
  when job.status = 'sent' then 'sent'
  when job.status = 'expired' then 'past_deadline'
  when job.status in ('canceled', 'suppressed') then 'not_failed'
  when job.status <> 'failed' then 'not_ended'
  when messaging.may_be_out(job) then 'may_be_out'
  when exists (
    select
    from messaging.replays_of(job.id) as replay (id)
    join public.message_jobs as later on later.id = replay.id
    where messaging.may_be_out(later)
  ) then 'replay_may_be_out'
  when not again and exists (
    select from public.message_jobs as later where later.retry_of = job.id
  ) then 'replayed_before'
end;
comment on function messaging.why_not_replayed(public.message_jobs, boolean) is
  'Why a message is not replayed, in a word; null where it may be.';

create type messaging.replay as (id uuid, result text, new_id uuid, reason text);
comment on type messaging.replay is
  'What became of one replay: replayed (as new_id), replayable (a trial), or why it was not done.';

-- Security definer, because whoever may decide need not know that there are queues.
create function messaging.replay_as(
  by_whom text, jobs uuid[], again boolean default false, dry_run boolean default false
) returns setof messaging.replay
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  judged messaging.replay[];
  detail text;
  who text := left(coalesce(nullif(btrim(by_whom), ''), session_user), 100);
begin
  -- Whoever replays one of these at the same time waits, and then sees that it was done.
  perform from public.message_jobs
  where id = any(jobs)
  order by id
  for update;

  judged := array(
    select row(
      wanted.id,
      case
        when j.id is null then 'not_found'
        else coalesce(
          messaging.why_not_replayed(j, again),
          case when refusal.reason is not null then 'refused' end,
          case when dry_run then 'replayable' else 'replayed' end
        )
      end,
      case when j.id is not null then (
        select later.id
        from public.message_jobs as later
        where later.retry_of = j.id
        order by later.created_at desc, later.id desc
        limit 1
      ) end,
      refusal.reason
    )::messaging.replay
    from (select distinct id from unnest(jobs) as id) as wanted
    left join public.message_jobs as j on j.id = wanted.id
    left join lateral (
      select messaging.why_refused(
        jsonb_populate_record(
          null::messaging.draft, to_jsonb(j) - array['metadata', 'template_vars']
        ),
        j.template_id
      ) as reason
    ) as refusal on j.id is not null
    order by j.updated_at, wanted.id
  );

  return query select * from unnest(messaging.replay_judged(who, judged));
exception
  when data_exception or integrity_constraint_violation then
    -- One of them breaks a rule of the table: the others must not wait for it.
    if cardinality(jobs) > 1 then
      return query
      select one.*
      from unnest(jobs) as job
      cross join lateral messaging.replay_as(by_whom, array[job], again, dry_run) as one;
      return;
    end if;
    get stacked diagnostics detail = message_text;
    return query select jobs[1], 'refused', null::uuid, detail;
end
$$;
comment on function messaging.replay_as(text, uuid[], boolean, boolean) is
  'messaging.replay, and the name of the person who asks, for the journal; a trial changes '
  'nothing.';

create type messaging.replaying as (id uuid, new_id uuid, content_key uuid);
comment on type messaging.replaying is
  'A message that is being replayed, the new one''s id, and what the content window knows it by.';

-- New messages for those that may be replayed, with both journals, in one statement a batch.
create function messaging.replay_judged(who text, judged messaging.replay[])
returns messaging.replay[]
language plpgsql
as $$
declare
  seen messaging.replaying[];
  done messaging.replay[];
begin
  -- What the window knows of a text goes over to its replay: a key has one holder at a time.
  seen := array(
    select row(j.id, messaging.new_id(), j.content_key)::messaging.replaying
    from unnest(judged) as one
    join public.message_jobs as j on j.id = one.id
    where one.result = 'replayed'
    order by j.updated_at, j.id
  );
  update public.message_jobs as j
  set acknowledged_at = clock_timestamp(), content_key = null
  from unnest(seen) as chosen
  where j.id = chosen.id;

  with inserted as (
    insert into public.message_jobs (
      id, retry_of, user_id, recipient_phone, message_content, template_id, template_vars,
      media_urls, scheduled_for, priority, max_retries, metadata, in_doubt_policy, prepared_at,
      segments, content_key
    )
    select
      chosen.new_id, j.id, j.user_id, j.recipient_phone, j.message_content, j.template_id,
      j.template_vars, j.media_urls, j.scheduled_for, j.priority, j.max_retries, j.metadata,
      j.in_doubt_policy, j.prepared_at, j.segments, chosen.content_key
    from unnest(seen) as chosen
    join public.message_jobs as j on j.id = chosen.id
    returning id, retry_of
  ),
  journal as (
    insert into messaging.message_events (job_id, kind, details)
    select told.job_id, told.kind, told.details || jsonb_build_object('by', who)
    from inserted
    cross join lateral (
      values
        (inserted.retry_of, 'replayed', jsonb_build_object('as', inserted.id)),
        (inserted.id, 'replay', jsonb_build_object('of', inserted.retry_of))
    ) as told (job_id, kind, details)
    returning 1
  )
  select
    array_agg(
      row(one.id, one.result, coalesce(inserted.id, one.new_id), one.reason)::messaging.replay
      order by one.turn
    )
  into done
  from unnest(judged) with ordinality as one (id, result, new_id, reason, turn)
  left join inserted on inserted.retry_of = one.id and one.result = 'replayed';
  return coalesce(done, '{}');
end
$$;
comment on function messaging.replay_judged(text, messaging.replay[]) is
  'The second half of messaging.replay_as; not for callers.';

create function messaging.replay(jobs uuid[], again boolean default false)
returns setof messaging.replay
language sql
volatile
begin atomic
  select * from messaging.replay_as(current_user::text, jobs, again, false);
end;
comment on function messaging.replay(uuid[], boolean) is
  'Sends messages that failed again, each as a new one with retry_of. Answers for each: replayed '
  '(as new_id), or why not: held, in_doubt, sent, past_deadline, not_failed, not_ended, '
  'may_be_out, replay_may_be_out, replayed_before (as new_id; with again it is done), refused, not_found.';

-- An entry that nobody could use goes back to where it came from, once, and keeps its trace.
create function messaging.put_back_as(
  by_whom text, msg_id bigint, dry_run boolean default false
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  letter jsonb;
  target text;
begin
  select d.message into letter
  from pgmq.q_sms_dlq as d
  where d.msg_id = put_back_as.msg_id
  for update;
  if not found then
    return 'not_found';
  end if;
  target := letter ->> 'queue';
  if target is null
    or target not in ('sms_queue', 'sms_priority_queue')
    or jsonb_typeof(letter -> 'message') is distinct from 'object'
    or letter -> 'message' ->> 'job_id' is not null
  then
    return 'unusable';
  end if;
  if dry_run then
    return 'replayable';
  end if;
  perform pgmq.send(target, letter -> 'message');
  perform pg_notify('messaging_entries', target);
  perform pgmq.archive('sms_dlq', put_back_as.msg_id);
  insert into messaging.message_events (kind, details)
  values (
    'put_back',
    jsonb_build_object(
      'msg_id', put_back_as.msg_id,
      'queue', target,
      'by', left(coalesce(nullif(btrim(by_whom), ''), session_user), 100)
    )
  );
  return 'put_back';
end
$$;
comment on function messaging.put_back_as(text, bigint, boolean) is
  'Gives an entry of sms_dlq that carries a whole message back to its queue: put_back; replayable '
  '(a trial); unusable (it carries none); not_found.';

create function messaging.discard_as(
  by_whom text, jobs uuid[], entries bigint[], dry_run boolean default false
) returns table (id uuid, msg_id bigint, result text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  who text := left(coalesce(nullif(btrim(by_whom), ''), session_user), 100);
  mine bigint[];
begin
  perform from public.message_jobs as j
  where j.id = any(jobs)
  order by j.id
  for update;
  mine := array(
    select d.msg_id
    from pgmq.q_sms_dlq as d
    where d.msg_id = any(entries)
    order by d.msg_id
    for update
  );

  return query
  select
    wanted.id,
    null::bigint,
    case
      when j.id is null then 'not_found'
      when j.status = 'held' then 'held'
      when j.status <> 'failed' then 'not_failed'
      when j.acknowledged_at is not null then 'discarded_before'
      when dry_run then 'discardable'
      else 'discarded'
    end
  from (select distinct given.id from unnest(jobs) as given (id)) as wanted
  left join public.message_jobs as j on j.id = wanted.id
  union all
  select
    null,
    wanted.msg_id,
    case
      when wanted.msg_id <> all(mine) then 'not_found'
      when dry_run then 'discardable'
      else 'discarded'
    end
  from (select distinct given.msg_id from unnest(entries) as given (msg_id)) as wanted;
  if dry_run then
    return;
  end if;

  with seen as (
    update public.message_jobs as j
    set acknowledged_at = clock_timestamp()
    where j.id = any(jobs) and j.status = 'failed' and j.acknowledged_at is null
    returning j.id
  )
  insert into messaging.message_events (job_id, kind, details)
  select seen.id, 'discarded', jsonb_build_object('by', who) from seen
  union all
  select null, 'discarded', jsonb_build_object('by', who, 'msg_id', entry.msg_id)
  from unnest(mine) as entry (msg_id);
  perform pgmq.archive('sms_dlq', entry.msg_id)
  from unnest(mine) as entry (msg_id);
end
$$;
comment on function messaging.discard_as(text, uuid[], bigint[], boolean) is
  'Takes failed messages and unreadable entries from the dead letters, on record; entries go to '
  'pgmq''s archive. Answers for each: discarded; discardable (a trial); discarded_before; held; '
  'not_failed; not_found.';

revoke all on function
  messaging.replays_of(uuid),
  messaging.why_not_replayed(public.message_jobs, boolean),
  messaging.replay_as(text, uuid[], boolean, boolean),
  messaging.replay_judged(text, messaging.replay[]),
  messaging.replay(uuid[], boolean),
  messaging.put_back_as(text, bigint, boolean),
  messaging.discard_as(text, uuid[], bigint[], boolean)
from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'service_role') then
    grant execute on function
      messaging.replay_as(text, uuid[], boolean, boolean),
      messaging.replay(uuid[], boolean),
      messaging.put_back_as(text, bigint, boolean),
      messaging.discard_as(text, uuid[], bigint[], boolean)
    to service_role;
    grant select on messaging.dead_letters to service_role;
  end if;
end
$$;
