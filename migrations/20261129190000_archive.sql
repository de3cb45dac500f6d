-- How long things are kept. What has ended is deleted in small batches once it is old enough and
-- nothing counts on it any more; where nothing is set, it is kept for good.

-- serves: forget_jobs
create index message_jobs_withdrawn on public.message_jobs (updated_at)
where status in ('canceled', 'expired', 'suppressed');

create table messaging.retention_walks (
  walk text primary key,
  at timestamptz not null default '-infinity',
  id uuid not null default '00000000-0000-0000-0000-000000000000',
  event_id bigint not null default 0,
  began_at timestamptz not null default clock_timestamp(),
  constraint retention_walks_walk check (walk in ('sent', 'failed', 'withdrawn', 'journal'))
) with (fillfactor = 50);
comment on table messaging.retention_walks is
  'How far the deletion of old messages has come: it goes on from there, and begins anew each day.';
comment on column messaging.retention_walks.walk is 'What is gone through, the oldest first.';
comment on column messaging.retention_walks.at is 'The age of the last message that was looked at.';
comment on column messaging.retention_walks.id is 'The last message: others may be as old.';
comment on column messaging.retention_walks.event_id is 'Of the journal: the last event.';
comment on column messaging.retention_walks.began_at is 'When it last began anew.';
insert into messaging.retention_walks (walk)
values ('sent'), ('failed'), ('withdrawn'), ('journal');
alter table messaging.retention_walks enable row level security;

-- Whether nothing counts on a message any more. A dead letter, failed and seen by nobody, has a time
-- of its own. A null time is for good.
create function messaging.is_spent(
  job public.message_jobs, keep interval, keep_dead interval
) returns boolean
language sql
stable
return
  job.status in ('sent', 'failed', 'canceled', 'expired', 'suppressed')
  and coalesce(
    greatest(job.updated_at, job.sent_at, job.delivered_at, job.acknowledged_at)
      < now() - case
        when job.status = 'failed' and job.acknowledged_at is null then keep_dead
        else keep
      end,
    false
  )
  and job.recall is null
  -- Its key still names it.
  and (job.idempotency_key is null or coalesce(job.idempotency_expires_at < now(), false))
  -- The longest window is a year.
  and (
    job.content_key is null
    or greatest(job.created_at, job.scheduled_for) < now() - interval '1 year'
  );
comment on function messaging.is_spent(public.message_jobs, interval, interval) is
  'Whether a message has ended, is older than that and nothing counts on it; null times are for '
  'good. The second one is for dead letters.';

-- All of them with their journals, or none where another table refers to one.
create function messaging.delete_jobs(jobs uuid[]) returns int
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  deleted int;
begin
  delete from messaging.message_events where job_id = any(jobs);
  delete from public.message_jobs where id = any(jobs);
  get diagnostics deleted = row_count;
  return deleted;
exception
  when foreign_key_violation then
    return 0;
end
$$;
comment on function messaging.delete_jobs(uuid[]) is
  'Deletes messages with their journals, whatever they are: the last step of messaging.forget_jobs, '
  'not for callers. 0 where another table refers to one of them.';

-- A message and all that send it again, together or not at all: that one of them went out must be
-- known for as long as another one could be replayed.
create function messaging.forget_family(job uuid, keep interval, keep_dead interval) returns int
language plpgsql
as $$
declare
  family uuid[] := array(select replay from messaging.replays_of(job) as replay);
  mine uuid[] := array(select messaging.lock_free(family));
begin
  if cardinality(mine) < cardinality(family) or exists (
    select from public.message_jobs as member
    where member.id = any(family) and not messaging.is_spent(member, keep, keep_dead)
  ) then
    return 0;
  end if;
  return messaging.delete_jobs(family || job);
end
$$;
comment on function messaging.forget_family(uuid, interval, interval) is
  'Deletes a message that was sent again with its replays, if all of them are spent: a step of '
  'messaging.forget_jobs, not for callers.';

-- Goes on with a walk, from the oldest on, and deletes what is spent. While a number waits for a
-- decision, what it was sent since stays: that text at Twilio would look like a stranger's.
create function messaging.forget_jobs(
  walk text, keep interval, keep_dead interval, most int default 1000
) returns table (looked int, deleted int)
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  place messaging.retention_walks;
  youngest timestamptz :=
    now() - case when walk = 'failed' then least(keep, keep_dead) else keep end;
  ids uuid[];
  ages timestamptz[];
  mine uuid[];
  spent uuid[];
  families uuid[];
  alone uuid[];
  job uuid;
begin
  select w.* into place
  from messaging.retention_walks as w
  where w.walk = forget_jobs.walk
  for update skip locked;
  if not found or youngest is null then
    return query select 0, 0;
    return;
  end if;
  if place.began_at < now() - interval '1 day' then
    place.at := '-infinity';
    place.id := '00000000-0000-0000-0000-000000000000';
    place.began_at := now();
  end if;

  case walk
    when 'sent' then
      select array_agg(id), array_agg(at) into ids, ages
      from (
        select id, sent_at as at
        from public.message_jobs
        where
          status = 'sent' and sent_at >= place.at and sent_at < youngest
          and (sent_at, id) > (place.at, place.id)
        order by sent_at, id
        limit most
      ) as oldest;
    when 'failed' then
      select array_agg(id), array_agg(at) into ids, ages
      from (
        select id, created_at as at
        from public.message_jobs
        where
          status = 'failed' and created_at >= place.at and created_at < youngest
          and (created_at, id) > (place.at, place.id)
        order by created_at, id
        limit most
      ) as oldest;
    when 'withdrawn' then
      select array_agg(id), array_agg(at) into ids, ages
      from (
        select id, updated_at as at
        from public.message_jobs
        where
          status in ('canceled', 'expired', 'suppressed')
          and updated_at >= place.at and updated_at < youngest
          and (updated_at, id) > (place.at, place.id)
        order by updated_at, id
        limit most
      ) as oldest;
  end case;

  update messaging.retention_walks as w
  set
    at = coalesce(ages[cardinality(ages)], place.at),
    id = coalesce(ids[cardinality(ids)], place.id),
    began_at = place.began_at
  where w.walk = forget_jobs.walk;
  if ids is null then
    return query select 0, 0;
    return;
  end if;

  mine := array(select messaging.lock_free(ids));
  -- A statement of its own: what was true when they were locked.
  spent := array(
    with undecided as materialized (
      select recipient_phone, min(coalesce(claimed_at, created_at)) as since
      from public.message_jobs
      where status in ('in_doubt', 'held')
      group by recipient_phone
    )
    select j.id
    from public.message_jobs as j
    where
      j.id = any(mine)
      and j.retry_of is null
      and messaging.is_spent(j, keep, keep_dead)
      and not exists (
        select from undecided
        where
          undecided.recipient_phone = j.recipient_phone
          and undecided.since <= greatest(j.updated_at, j.sent_at)
      )
  );
  families := array(
    select distinct later.retry_of
    from public.message_jobs as later
    where later.retry_of = any(spent)
  );
  alone := array(select unnest(spent) except select unnest(families));

  looked := cardinality(ids);
  deleted := messaging.delete_jobs(alone);
  if deleted < cardinality(alone) then
    foreach job in array alone loop
      deleted := deleted + messaging.delete_jobs(array[job]);
    end loop;
  end if;
  foreach job in array families loop
    deleted := deleted + messaging.forget_family(job, keep, keep_dead);
  end loop;
  return next;
end
$$;
comment on function messaging.forget_jobs(text, interval, interval, int) is
  'Looks at the next messages of a walk (sent, failed, withdrawn) that are older than that, and '
  'deletes those that are spent, with their journals; returns how many it looked at and deleted. '
  'Safe to run anywhere, any number of times at once.';

-- The journal of a message goes as a whole: a part of it could prove what the whole does not. A
-- message whose journal is gone is never replayed. A dead letter keeps its journal.
create function messaging.forget_journal(keep interval, most int default 1000)
returns table (looked int, deleted int)
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  place messaging.retention_walks;
  youngest timestamptz := now() - keep;
  old messaging.message_events[];
  spent uuid[];
  removed int := 0;
begin
  select w.* into place
  from messaging.retention_walks as w
  where w.walk = 'journal'
  for update skip locked;
  if not found or youngest is null then
    return query select 0, 0;
    return;
  end if;
  if place.began_at < now() - interval '1 day' then
    place.event_id := 0;
    place.began_at := now();
  end if;

  old := array(
    select event
    from (
      select event
      from messaging.message_events as event
      where event.id > place.event_id
      order by event.id
      limit most
    ) as next
    where (next.event).at < youngest
  );
  update messaging.retention_walks as w
  set
    event_id = coalesce((select max(e.id) from unnest(old) as e), place.event_id),
    began_at = place.began_at
  where w.walk = 'journal';

  spent := array(
    select distinct e.job_id
    from unnest(old) as e
    left join public.message_jobs as j on j.id = any(array[e.job_id])
    where
      e.job_id is not null
      and (
        j.id is null
        or j.status in ('sent', 'canceled', 'expired', 'suppressed')
        or j.status = 'failed' and j.acknowledged_at is not null
      )
      and (
        select last.at from messaging.message_events as last
        where last.job_id = e.job_id
        order by last.job_id desc, last.id desc
        limit 1
      ) < youngest
  );
  delete from messaging.message_events where job_id = any(spent);
  get diagnostics removed = row_count;
  looked := cardinality(old);
  deleted := removed;
  delete from messaging.message_events
  where id = any(array(select e.id from unnest(old) as e where e.job_id is null));
  get diagnostics removed = row_count;
  deleted := deleted + removed;
  return next;
end
$$;
comment on function messaging.forget_journal(interval, int) is
  'Looks at the next events that are older than that, and deletes the journals of messages that '
  'have ended and of which nothing younger is told; returns how many events it looked at and '
  'deleted.';

create function messaging.forget_letters(keep interval, most int default 1000) returns int
language plpgsql
as $$
declare
  removed int;
  in_archive int;
begin
  delete from pgmq.q_sms_dlq
  where msg_id in (
    select msg_id from pgmq.q_sms_dlq
    where enqueued_at < now() - keep
    order by msg_id
    limit most
    for update skip locked
  );
  get diagnostics removed = row_count;
  delete from pgmq.a_sms_dlq
  where msg_id in (
    select msg_id from pgmq.a_sms_dlq
    where archived_at < now() - keep
    order by archived_at
    limit most
    for update skip locked
  );
  get diagnostics in_archive = row_count;
  return removed + in_archive;
end
$$;
comment on function messaging.forget_letters(interval, int) is
  'Deletes entries that nobody could use, and those that a person has seen to, once they are older '
  'than that; returns how many.';

revoke all on function
  messaging.is_spent(public.message_jobs, interval, interval),
  messaging.delete_jobs(uuid[]),
  messaging.forget_family(uuid, interval, interval),
  messaging.forget_jobs(text, interval, interval, int),
  messaging.forget_journal(interval, int),
  messaging.forget_letters(interval, int)
from public;
