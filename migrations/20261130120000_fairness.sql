-- Fairness between campaigns: while several wait in the normal lane, they take turns.
--
-- Whose turn it is, is decided when entries are leased. So an insert locks nothing that others need,
-- and where no campaign waits, entries are read as before.

comment on column public.message_jobs.metadata is
  'The caller''s own; of it the service reads campaign only: campaigns take turns, and can be stopped.';

create function messaging.mark_of(metadata jsonb) returns text
language sql
immutable
parallel safe
return to_hex(hashtextextended(nullif(metadata ->> 'campaign', '') collate "C", 0));
comment on function messaging.mark_of(jsonb) is
  'What stands for a message''s campaign in its queue entry: a hash of metadata.campaign, so that a '
  'queue holds no name; null for none.';

create function messaging.turn_of(message jsonb) returns text
language sql
immutable
parallel safe
return coalesce(
  nullif(left(message ->> 'campaign', 16), ''),
  to_hex(hashtextextended(nullif(message #>> '{metadata,campaign}', '') collate "C", 0)),
  '-'
);
comment on function messaging.turn_of(jsonb) is
  'With whom a queue entry takes its turns: the mark of its campaign, or - for all without one. What '
  'other producers put into the queue may be a whole message, or anything. Everybody may call it: '
  'whoever may put an entry into the queue does.';

grant execute on function messaging.turn_of(jsonb) to public;

-- serves: campaigns_wait, campaigns_in_turn, pick_in_turn, waiting_campaigns
create index q_sms_queue_turn on pgmq.q_sms_queue (messaging.turn_of(message) collate "C", msg_id);

-- None of pgmq's functions needs its index on vt, nor does any of ours that is called often. Without it
-- a lease, which changes vt, may stay on its page: that pays for the new one.
drop index if exists pgmq.q_sms_queue_vt_idx;

create function messaging.put_entries(queue text, job_ids uuid[], marks text[]) returns void
language plpgsql
as $$
begin
  if coalesce(cardinality(job_ids), 0) = 0 then
    return;
  end if;
  perform pgmq.send_batch(
    queue,
    array(
      select
        case
          when mark is null then jsonb_build_object('job_id', job_id)
          else jsonb_build_object('job_id', job_id, 'campaign', mark)
        end
      from unnest(job_ids, marks) as entry (job_id, mark)
    )
  );
  perform pg_notify('messaging_entries', queue);
end
$$;
comment on function messaging.put_entries(text, uuid[], text[]) is
  'Puts a queue entry for each of these jobs into the queue, with the mark of its campaign where it '
  'has one, and wakes the bridge.';

create function messaging.marks_of(job_ids uuid[]) returns text[]
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return array(
    select messaging.mark_of(j.metadata)
    from unnest(job_ids) with ordinality as given (id, place)
    left join public.message_jobs as j on j.id = any(array[given.id])
    order by given.place
  );
end
$$;
comment on function messaging.marks_of(uuid[]) is
  'The mark of each of these messages'' campaign, in their order; null for none.';

-- As it was, but entries of the normal lane have their campaign's mark.
create or replace function messaging.add_entries(queue text, job_ids uuid[]) returns void
language plpgsql
as $$
begin
  if coalesce(cardinality(job_ids), 0) = 0 then
    return;
  end if;
  perform messaging.put_entries(
    queue, job_ids, case when queue = 'sms_queue' then messaging.marks_of(job_ids) end
  );
end
$$;

-- As it was, but entries of the normal lane have their campaign's mark, which is in the new rows.
create or replace function messaging.queue_new_jobs() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  urgent uuid[];
  normal uuid[];
  marks text[];
  spared uuid[] := '{}';
begin
  if exists (select from messaging.dead_numbers) then
    spared := messaging.suppress_dead(array(select id from added));
  end if;

  select
    array_agg(id) filter (where messaging.queue_of(priority) = 'sms_priority_queue'),
    array_agg(id) filter (where messaging.queue_of(priority) = 'sms_queue'),
    array_agg(messaging.mark_of(metadata)) filter (where messaging.queue_of(priority) = 'sms_queue')
  into urgent, normal, marks
  from added
  where status = 'pending' and id <> all(spared);

  perform messaging.put_entries('sms_priority_queue', urgent, null);
  perform messaging.put_entries('sms_queue', normal, marks);
  return null;
end
$$;

-- The turn.

create table messaging.campaign_turns (
  queue text primary key,
  served text not null
) with (fillfactor = 50);
comment on table messaging.campaign_turns is 'Which campaign had the last turn in a queue.';
comment on column messaging.campaign_turns.queue is 'The queue; there is one row.';
comment on column messaging.campaign_turns.served is
  'The campaign of the entry that was leased last, as messaging.turn_of has it. The next one in their '
  'order comes next, and after the last the first.';
alter table messaging.campaign_turns enable row level security;
insert into messaging.campaign_turns (queue, served) values ('sms_queue', '');

create function messaging.campaigns_wait() returns boolean
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
  return exists (
    select from pgmq.q_sms_queue as entry
    where messaging.turn_of(entry.message) collate "C" > '-'
  );
end
$$;
comment on function messaging.campaigns_wait() is
  'Whether the normal lane holds an entry of any campaign.';

-- One look into the index a campaign, however many entries it has. What somebody else has locked is
-- passed over: a bridge that hangs must not stop the lane.
create function messaging.campaigns_in_turn(served text, most int)
returns table (turn text, first bigint)
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
  last text := served;
  is_second_half boolean := false;
begin
  while most > 0 loop
    select messaging.turn_of(entry.message), entry.msg_id
    into turn, first
    from pgmq.q_sms_queue as entry
    where messaging.turn_of(entry.message) collate "C" > last and entry.vt <= clock_timestamp()
    order by messaging.turn_of(entry.message) collate "C", entry.msg_id
    limit 1
    for update skip locked;

    exit when is_second_half and (turn is null or turn collate "C" > served);
    if turn is null then
      is_second_half := true;
      last := '';
    else
      return next;
      last := turn;
      most := most - 1;
    end if;
  end loop;
end
$$;
comment on function messaging.campaigns_in_turn(text, int) is
  'The campaigns that wait, from the one on that comes after the one that was served last, and of each '
  'its first entry; at most so many.';

-- Each gets an equal part, and what one does not need goes to the others: the parts grow until there
-- are entries enough, or none more.
create function messaging.pick_in_turn(served text, most int)
returns table (msg_ids bigint[], turns text[])
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  waiting text[];
  firsts bigint[];
  part int;
  unfinished int;
begin
  select array_agg(turn), array_agg(first) into waiting, firsts
  from messaging.campaigns_in_turn(served, most);
  part := ceil(most::numeric / cardinality(waiting));
  while part is not null loop
    select
      array_agg(entry.msg_id order by entry.round, campaign.place),
      array_agg(campaign.turn order by entry.round, campaign.place),
      count(*) filter (where entry.round = part)
    into msg_ids, turns, unfinished
    from unnest(waiting, firsts) with ordinality as campaign (turn, first, place)
    cross join lateral (
      select mine.msg_id, row_number() over () as round
      from (
        select e.msg_id
        from pgmq.q_sms_queue as e
        where
          messaging.turn_of(e.message) collate "C" = campaign.turn
          and e.msg_id >= campaign.first
          and e.vt <= clock_timestamp()
        order by e.msg_id
        limit part
        for update skip locked
      ) as mine
    ) as entry;
    exit when unfinished = 0 or cardinality(msg_ids) >= most;
    part := part + ceil((most - cardinality(msg_ids))::numeric / unfinished);
  end loop;
  msg_ids := msg_ids[:most];
  turns := turns[:most];
  return next;
end
$$;
comment on function messaging.pick_in_turn(text, int) is
  'Entries of the normal lane, locked, one a campaign in turn; after the campaign that was served last.';

create function messaging.lease_in_turn(seconds int, most int)
returns table (msg_id bigint, written text)
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  last text;
  is_ours boolean;
  picked bigint[];
  turns text[];
begin
  select served into last
  from messaging.campaign_turns
  where queue = 'sms_queue'
  for update skip locked;
  is_ours := found;
  -- Another bridge decides, or hangs while it does: begin anywhere, so that all get their turn still.
  last := coalesce(last, to_hex(hashtextextended(random()::text, 0)));

  select p.msg_ids, p.turns into picked, turns from messaging.pick_in_turn(last, most) as p;
  if is_ours and picked is not null then
    update messaging.campaign_turns
    set served = turns[cardinality(turns)]
    where queue = 'sms_queue';
  end if;

  return query
  with leased as (
    update pgmq.q_sms_queue as entry
    set
      vt = clock_timestamp() + make_interval(secs => seconds),
      read_ct = entry.read_ct + 1
    from unnest(picked) with ordinality as mine (id, place)
    where entry.msg_id = any(array[mine.id])
    returning entry.msg_id, entry.message::text as written, mine.place
  )
  select leased.msg_id, leased.written from leased order by leased.place;
end
$$;
comment on function messaging.lease_in_turn(int, int) is
  'Takes entries of the normal lane for a while, one a campaign in turn. Entries without a campaign are '
  'one campaign together.';

-- As it was, but campaigns take turns.
create or replace function messaging.lease(queue text, seconds int, most int, caps jsonb)
returns table (msg_id bigint, written text)
language plpgsql
as $$
begin
  if messaging.is_halted(lease.queue, lease.caps) then
    return;
  end if;
  if lease.queue = 'sms_queue' and messaging.campaigns_wait() then
    return query select * from messaging.lease_in_turn(lease.seconds, lease.most);
    return;
  end if;
  return query
  select entry.msg_id, entry.message::text
  from pgmq.read(lease.queue, lease.seconds, lease.most) as entry;
end
$$;
comment on function messaging.lease(text, int, int, jsonb) is
  'Takes queue entries for a while, oldest first, and of the normal lane one a campaign in turn while '
  'any campaign waits; none where the queue is halted.';

-- What people see. Names are read from the messages: a queue holds none. No more than 50 campaigns and
-- 10,000 entries of each are looked at, so that a look costs the same with ten million.
create view messaging.waiting_campaigns with (security_invoker) as
with recursive waiting as (
  (
    select messaging.turn_of(entry.message) collate "C" as turn, entry.msg_id, 1 as place
    from pgmq.q_sms_queue as entry
    order by messaging.turn_of(entry.message) collate "C", entry.msg_id
    limit 1
  )
  union all
  select later.turn, later.msg_id, waiting.place + 1
  from waiting
  cross join lateral (
    select messaging.turn_of(entry.message) collate "C" as turn, entry.msg_id
    from pgmq.q_sms_queue as entry
    where messaging.turn_of(entry.message) collate "C" > waiting.turn
    order by messaging.turn_of(entry.message) collate "C", entry.msg_id
    limit 1
  ) as later
  where waiting.place < 50
)
select
  case
    when waiting.turn <> '-' then coalesce(
      job.metadata ->> 'campaign', oldest.message #>> '{metadata,campaign}', waiting.turn
    )
  end as campaign,
  bounded.entries,
  bounded.entries = 10000 as has_more,
  greatest(extract(epoch from clock_timestamp() - oldest.enqueued_at)::int, 0) as oldest_age_sec
from waiting
join pgmq.q_sms_queue as oldest on oldest.msg_id = waiting.msg_id
-- An entry of another producer may name anything.
left join public.message_jobs as job
  on job.id = case
    when oldest.message ->> 'job_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
      then (oldest.message ->> 'job_id')::uuid
  end
cross join lateral (
  select count(*) as entries
  from (
    select from pgmq.q_sms_queue as entry
    where messaging.turn_of(entry.message) collate "C" = waiting.turn
    limit 10000
  ) as first_ones
) as bounded;
comment on view messaging.waiting_campaigns is
  'The campaigns that take turns in the normal lane, at most 50: null is all texts without one. entries '
  'are those that wait or were handed to a worker; with has_more there are at least so many.';

revoke all on function
  messaging.mark_of(jsonb),
  messaging.put_entries(text, uuid[], text[]),
  messaging.marks_of(uuid[]),
  messaging.campaigns_wait(),
  messaging.campaigns_in_turn(text, int),
  messaging.pick_in_turn(text, int),
  messaging.lease_in_turn(int, int)
from public;

-- Whoever puts entries into a queue through add_entries does so still.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.add_entries(text, uuid[])'::regprocedure and allowed.grantee <> 0
  loop
    execute format(
      'grant execute on function messaging.put_entries, messaging.marks_of, messaging.mark_of to %s',
      grantee
    );
  end loop;
end
$$;

do $$
begin
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select on messaging.waiting_campaigns to service_role;
  end if;
end
$$;
