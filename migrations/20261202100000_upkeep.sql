-- Upkeep: room for the opt-out line, asked for as soon as a body is handed over with SQL; an erasure that is
-- counted before it is done, of whatever may be stored as a number; what the deletion of old things does; and
-- STOPs and STARTs whose webhooks came in another order than they were sent in.

create table messaging.opt_out_line (
  one boolean primary key default true,
  line text not null,
  categories text[] not null,
  noted_at timestamptz not null default clock_timestamp(),
  constraint opt_out_line_one check (one)
);
comment on table messaging.opt_out_line is
  'The opt-out line of the settings, as the bridge noted it last: SQL that hands messages over does not '
  'see the settings.';
comment on column messaging.opt_out_line.one is 'There is one row, or none before the first bridge.';
comment on column messaging.opt_out_line.line is 'The line; empty where texts get none.';
comment on column messaging.opt_out_line.categories is 'Whose first texts get it.';
comment on column messaging.opt_out_line.noted_at is 'When the bridge noted it.';
alter table messaging.opt_out_line enable row level security;

-- Security definer, because whoever may hand over need not see the table.
create function messaging.check_room(drafts jsonb) returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  noted messaging.opt_out_line;
  body text;
  most int;
begin
  select * into noted from messaging.opt_out_line where line <> '';
  if not found then
    return;
  end if;
  most := 1600 - 1 - char_length(noted.line);
  select item ->> 'message_content' into body
  from jsonb_array_elements(drafts) as item
  where
    char_length(item ->> 'message_content') between most + 1 and 1600
    and item ->> 'template' is null
    and item ->> 'template_id' is null
    -- Who has prepared it has asked, knowing its category.
    and item ->> 'prepared' is distinct from 'true'
    and coalesce(item ->> 'category', 'transactional') = any(noted.categories)
    and strpos(item ->> 'message_content', noted.line) = 0
  limit 1;
  if found then
    raise exception 'message_content has % characters, and no room for the opt-out line that the first '
      'text to a number gets: shorten it to % or fewer, or let it say that line itself',
      char_length(body), most using errcode = 'check_violation';
  end if;
end
$$;
comment on function messaging.check_room(jsonb) is
  'Raises for a draft whose body is too long with the opt-out line that it gets if it is the first text to '
  'its number. What a template makes is not known yet.';

-- As it was, but that it asks for that room.
create or replace function messaging.enqueue_by_clock(drafts jsonb) returns setof messaging.enqueued
language plpgsql
as $$
declare
  answers messaging.enqueued[];
  item jsonb;
begin
  perform messaging.check_room(drafts);
  if not jsonb_path_exists(
    drafts, '$[*] ? (exists(@.category) || exists(@.time_zone) || exists(@.local_time))'
  ) then
    return query select * from messaging.enqueue_together(drafts);
    return;
  end if;

  for item in select value from jsonb_array_elements(drafts) as value
  loop
    perform messaging.check_clock(item);
  end loop;
  answers := array(
    select e
    from messaging.enqueue_together(
      (
        select jsonb_agg(
          case
            when jsonb_typeof(given.value) <> 'object' then given.value
            when given.value ->> 'local_time' is null then
              given.value - array['category', 'time_zone', 'local_time']
            else
              given.value - array['category', 'time_zone', 'local_time']
              || jsonb_build_object(
                'scheduled_for',
                messaging.instant_of(
                  (given.value ->> 'local_time')::timestamp, given.value ->> 'time_zone'
                )
              )
          end
          order by given.position
        )
        from jsonb_array_elements(drafts) with ordinality as given (value, position)
      )
    ) as e
  );
  perform messaging.keep_clocks(
    (
      select jsonb_agg((drafts -> (answer.position - 1)) || jsonb_build_object('id', answer.id))
      from unnest(answers) as answer
      where answer.result = 'created'
    )
  );
  return query select * from unnest(answers);
end
$$;

-- As it was, but for what is no number: it need not begin with +, and a few digits stand in many texts.
create or replace function messaging.find_erasable(
  number text, anywhere text, after uuid, most int
)
returns table (last uuid, jobs uuid[], sids text[], mentions uuid[])
language plpgsql
stable
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  told text := ltrim(number, '+');
begin
  return query
  with next as materialized (
    select
      j.id,
      j.twilio_sid,
      j.recipient_phone = number or j.recipient_phone ~ anywhere as is_theirs,
      char_length(told) >= 7
      and strpos(
        concat(j.message_content, j.template_vars, j.metadata, j.idempotency_key), told
      ) > 0 as mentions,
      j.status in ('sent', 'failed', 'canceled', 'expired', 'suppressed') as has_ended
    from public.message_jobs as j
    where j.id > after
    order by j.id
    limit most
  )
  select
    (array_agg(n.id order by n.id desc))[1],
    coalesce(array_agg(n.id) filter (where n.is_theirs and n.has_ended), '{}'),
    coalesce(
      array_agg(n.twilio_sid) filter (
        where n.is_theirs and n.has_ended and n.twilio_sid is not null
      ),
      '{}'
    ),
    coalesce(array_agg(n.id) filter (where n.mentions and not n.is_theirs), '{}')
  from next as n;
end
$$;

create function messaging.count_erasable(
  number text, whoms text[], written text, anywhere text
)
returns table (place text, fate text, amount bigint)
language plpgsql
stable
as $$
#variable_conflict use_column
declare
  source text;
  found bigint;
begin
  return query
  select 'public.message_jobs', 'withdrawn', count(*)
  from public.message_jobs as j
  where
    j.status in ('scheduled', 'pending', 'retrying')
    and (
      j.recipient_phone = number
      or j.status <> 'retrying' and j.prepared_at is null and j.recipient_phone ~ written
    );
  foreach source in array array['q_sms_queue', 'q_sms_priority_queue'] loop
    execute format(
      'select count(*) from pgmq.%I where case '
      'when messaging.recipient_of(message) is null then message::text ~ $2 '
      'else messaging.recipient_of(message) ~ $1 end',
      source
    ) into found using written, anywhere;
    return query select 'pgmq.' || source, 'deleted', found;
  end loop;
  foreach source in array array['a_sms_queue', 'a_sms_priority_queue', 'q_sms_dlq', 'a_sms_dlq']
  loop
    execute format(
      'select count(*) from pgmq.%I where coalesce('
      'messaging.recipient_of(message), messaging.recipient_of(message -> ''message''), message::text'
      ') ~ $1',
      source
    ) into found using anywhere;
    return query select 'pgmq.' || source, 'deleted', found;
  end loop;
  return query
  select 'messaging.series', 'stopped', count(*)
  from messaging.series
  where status in ('active', 'paused') and messaging.recipient_of(draft) ~ written
  union all
  select 'messaging.series', 'emptied', count(*)
  from messaging.series
  where status not in ('active', 'paused') and messaging.recipient_of(draft) ~ anywhere
  union all
  select 'messaging.inbound_messages', 'emptied', count(*)
  from messaging.inbound_messages
  where sender = number
  union all
  select 'messaging.cap_uses', 'emptied', count(*)
  from messaging.cap_uses
  where recipient = number
  union all
  select 'messaging.stops', 'emptied', count(*)
  from messaging.stops
  where scope = 'country' and value = number and resumed_at is not null
  union all
  select 'messaging.dead_numbers', 'deleted', count(*)
  from messaging.dead_numbers
  where phone = number
  union all
  select 'messaging.destinations', 'deleted', count(*)
  from messaging.destinations
  where rule = 'block' and what = number
  union all
  select 'messaging.consents', 'deleted', count(*) from messaging.consents where phone = number
  union all
  select 'messaging.consent_events', 'deleted', count(*)
  from messaging.consent_events
  where phone = number
  union all
  -- What of the ledger, with the opt-out that a block becomes, is kept as keyed hashes.
  select 'messaging.erased_consents', 'added', count(*)
  from (
    select c.category from messaging.consents as c where c.phone = number
    union
    select 'all' from messaging.destinations where rule = 'block' and what = number
  ) as spoken
  where
    exists (select from messaging.erased_consents as e where e.whom = any(whoms))
    or exists (
      select from messaging.consents as c where c.phone = number and c.state = 'opted_out'
    )
    or exists (select from messaging.destinations where rule = 'block' and what = number);
end
$$;
comment on function messaging.count_erasable(text, text[], text, text) is
  'How many rows of each table an erasure of this number would change, and how, but for messages that have '
  'ended: messaging.find_erasable finds these. Writes nothing.';

-- What the deletion of old things has done.
alter table messaging.retention_walks
  drop constraint retention_walks_walk,
  add constraint retention_walks_walk check (
    walk in ('sent', 'failed', 'withdrawn', 'journal', 'letters', 'processes')
  ),
  add column ran_at timestamptz,
  add column finished_at timestamptz not null default clock_timestamp(),
  add column removed_at timestamptz,
  add column removed_then int not null default 0,
  add column removed_in_all bigint not null default 0;
comment on column messaging.retention_walks.walk is
  'What is gone through, the oldest first. Dead letters and processes need no place to go on from.';
comment on column messaging.retention_walks.ran_at is
  'When a batch was last looked for, to within ten seconds; null: never.';
comment on column messaging.retention_walks.finished_at is
  'When nothing that is old enough was left to look at; at first, when the table got this column.';
comment on column messaging.retention_walks.removed_at is 'When it last deleted something.';
comment on column messaging.retention_walks.removed_then is
  'How many rows it deleted on that day (UTC).';
comment on column messaging.retention_walks.removed_in_all is
  'How many rows it has deleted since the table got this column.';
insert into messaging.retention_walks (walk) values ('letters'), ('processes');

-- Whoever goes on with a walk writes its place, and no other statement does.
create function messaging.note_walk() returns trigger
language plpgsql
as $$
begin
  new.ran_at := clock_timestamp();
  if (new.at, new.id, new.event_id) = (old.at, old.id, old.event_id) then
    new.finished_at := new.ran_at;
  end if;
  return new;
end
$$;
create trigger retention_walks_note before update of at, id, event_id on messaging.retention_walks
for each row execute function messaging.note_walk();

create function messaging.note_deletion(walk text, removed int, most int) returns void
language sql
begin atomic
  update messaging.retention_walks as w
  set
    ran_at = clock_timestamp(),
    finished_at = case
      when w.walk in ('letters', 'processes') and removed < most then clock_timestamp()
      else w.finished_at
    end,
    removed_then = removed + case
      when removed = 0 or (w.removed_at at time zone 'UTC')::date = (now() at time zone 'UTC')::date
      then w.removed_then
      else 0
    end,
    removed_at = case when removed > 0 then clock_timestamp() else w.removed_at end,
    removed_in_all = w.removed_in_all + removed
  where
    w.walk = (
      select free.walk
      from messaging.retention_walks as free
      where free.walk = note_deletion.walk
      for update skip locked
    )
    and (removed > 0 or w.ran_at is null or w.ran_at < now() - interval '10 seconds');
end;
comment on function messaging.note_deletion(text, int, int) is
  'Writes down that so many rows of this kind were deleted, of at most so many; nothing anew is written '
  'sooner than ten seconds later, nor while somebody else writes it.';

-- Of webhooks the later one counts, for they do not say when a text was sent. Twilio's list does.
create function messaging.heed_order(texts jsonb) returns setof text
language plpgsql
as $$
declare
  heard record;
  last messaging.consent_events;
  proof jsonb;
begin
  for heard in
    select listed.*
    from jsonb_to_recordset(texts) as listed (
      sid text, sender text, recipient text, word text, said text, only_undoes boolean,
      sent_at timestamptz
    )
    -- An erased number has no texts any more.
    join messaging.inbound_messages as known using (sid, sender)
    where listed.word in ('stop', 'start') and listed.sender ~ '^\+[0-9]{7,15}$'
    order by listed.sent_at, listed.word = 'stop'
  loop
    continue when messaging.is_outdone(heard.sender, heard.word, heard.sent_at);
    select e.* into last
    from messaging.consent_events as e
    where e.phone = heard.sender and e.category = 'all'
    order by e.id desc
    limit 1;
    continue when not found
      or last.state <> case heard.word when 'stop' then 'opted_in' else 'opted_out' end;
    proof := jsonb_build_object(
      'sid', heard.sid, 'said', heard.said, 'to', heard.recipient, 'sent_at', heard.sent_at
    );
    if heard.word = 'stop' then
      perform messaging.begin_stop(heard.sender, 'keyword', proof, null);
    else
      perform messaging.finish_stop(heard.sender);
      insert into messaging.consent_events (phone, state, source, evidence)
      values (heard.sender, 'opted_in', 'keyword', proof);
    end if;
    return next heard.sid;
  end loop;
end
$$;
comment on function messaging.heed_order(jsonb) is
  'Heeds anew a STOP or START of Twilio''s list that is the last one which its number sent, where the '
  'ledger has the opposite after it because its webhook came later. Returns those.';

-- As it was, and then in the order in which texts were sent that webhooks brought.
create or replace function messaging.record_missed(texts jsonb, until timestamptz)
returns table (sid text, was_outdone boolean)
language plpgsql
as $$
#variable_conflict use_column
declare
  missed record;
begin
  -- Of texts that are known already, too: what counts depends on when each was sent.
  update messaging.inbound_messages as known
  set sent_at = listed.sent_at
  from jsonb_to_recordset(texts) as listed (sid text, sent_at timestamptz)
  where known.sid = listed.sid and known.sent_at is null;

  -- In the order in which they were sent; of the same second, a STOP is the last.
  for missed in
    select
      listed.sid, listed.sender, listed.word, listed.sent_at, one.text as record,
      messaging.is_outdone(listed.sender, listed.word, listed.sent_at) as outdone
    from jsonb_array_elements(texts) as one (text)
    cross join lateral jsonb_to_record(one.text)
      as listed (sid text, sender text, word text, sent_at timestamptz)
    where
      listed.sent_at <= until
      and not exists (select from messaging.inbound_messages as m where m.sid = listed.sid)
    order by listed.sent_at, listed.word is not distinct from 'stop'
  loop
    perform from messaging.record_inbound(
      jsonb_build_array(
        case when missed.outdone then missed.record || '{"word": null}' else missed.record end
      )
    );
    -- Its webhook may have come in this very moment.
    continue when not found;
    update messaging.inbound_messages as m
    set sent_at = missed.sent_at, word = missed.word, was_missed = true
    where m.sid = missed.sid;
    sid := missed.sid;
    was_outdone := missed.outdone;
    return next;
  end loop;
  perform from messaging.heed_order(texts);
end
$$;

revoke all on function
  messaging.heed_order(jsonb),
  messaging.note_walk(),
  messaging.note_deletion(text, int, int),
  messaging.check_room(jsonb),
  messaging.count_erasable(text, text[], text, text)
from public;

-- Whoever could hand over still can; whoever may settle runs the bridge.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.enqueue(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant execute on function messaging.check_room to %s', grantee);
  end loop;
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join lateral aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.settle(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant select, insert, update on messaging.opt_out_line to %s', grantee);
  end loop;
end
$$;
