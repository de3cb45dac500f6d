-- Erasure of a number on request: its messages keep what accounts need, without number and words. That it
-- had opted out stays known as a keyed hash; the key is not in the database.

create table messaging.erasure_keys (
  id text primary key,
  first_used_at timestamptz not null default clock_timestamp(),
  given_up_at timestamptz,
  given_up_by text,
  constraint erasure_keys_id check (id ~ '^[0-9a-f]{8}$')
);
comment on table messaging.erasure_keys is
  'Keys that opt-outs of erased numbers are kept with. Whoever sends must have each that is not given up.';
comment on column messaging.erasure_keys.id is 'What a key is known by; it does not tell the key.';
comment on column messaging.erasure_keys.first_used_at is 'When the first opt-out was kept with it.';
comment on column messaging.erasure_keys.given_up_at is
  'When somebody said that it is lost: from then on its opt-outs are not asked, and texts may go out.';
comment on column messaging.erasure_keys.given_up_by is 'Who said so.';

create table messaging.erased_consents (
  whom text not null,
  category text not null,
  event_id bigint not null,
  state text not null,
  since timestamptz not null,
  key_id text not null references messaging.erasure_keys (id),
  primary key (whom, category, event_id),
  constraint erased_consents_whom check (whom ~ '^[0-9a-f]{64}$')
);
comment on table messaging.erased_consents is
  'What erased numbers that had opted out said last, by category. Rows are only added.';
comment on column messaging.erased_consents.whom is
  'HMAC-SHA256 of channel and number, with the key.';
comment on column messaging.erased_consents.category is 'all, transactional or marketing.';
comment on column messaging.erased_consents.event_id is
  'Where it stood in the ledger; the later word counts, here or there.';
comment on column messaging.erased_consents.state is 'opted_in or opted_out.';
comment on column messaging.erased_consents.since is 'When the ledger took it down.';
comment on column messaging.erased_consents.key_id is 'Which key.';

create table messaging.erasures (
  id bigint generated always as identity primary key,
  began_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  asked_by text,
  whom text,
  withdrawn int not null default 0,
  messages int not null default 0,
  inbound int not null default 0,
  ledger int not null default 0,
  others int not null default 0,
  at_work xid8
);
comment on table messaging.erasures is
  'The journal of erasures: who asked, when, and how much it was. It does not tell the number.';
comment on column messaging.erasures.id is 'The order.';
comment on column messaging.erasures.began_at is 'When it began.';
comment on column messaging.erasures.finished_at is 'When it was done; null: somebody must run it again.';
comment on column messaging.erasures.asked_by is 'Who asked for it.';
comment on column messaging.erasures.whom is
  'Until it is done, whose it is, as in erased_consents: who runs it again goes on with it.';
comment on column messaging.erasures.withdrawn is 'Messages that waited, and were ended.';
comment on column messaging.erasures.messages is 'Messages without number and words since.';
comment on column messaging.erasures.inbound is 'Texts to us without number and words since.';
comment on column messaging.erasures.ledger is 'Rows of the ledger of consent that were deleted.';
comment on column messaging.erasures.others is
  'Queue entries, dead letters and their archives, series, uses of caps, dead numbers, rules.';
comment on column messaging.erasures.at_work is
  'The transaction that works on it: that one may change journals and the ledger.';

-- serves: begin_erasure; one number has one erasure at a time
create unique index erasures_whom on messaging.erasures (whom) where whom is not null;

-- serves: is_erasing
create index erasures_at_work on messaging.erasures (at_work) where at_work is not null;

create function messaging.is_erasing() returns boolean
language sql
stable
return exists (
  select from messaging.erasures where at_work = pg_current_xact_id_if_assigned()
);
comment on function messaging.is_erasing() is
  'Whether this transaction works on an erasure that is on record.';

-- As they were, but that an erasure may.
create or replace function messaging.refuse_journal_change() returns trigger
language plpgsql
as $$
begin
  if messaging.is_erasing() then
    return new;
  end if;
  raise exception 'the journal is append-only'
    using errcode = 'check_violation', hint = 'Append another event instead.';
end
$$;

create or replace function messaging.refuse_ledger_change() returns trigger
language plpgsql
as $$
begin
  if tg_op = 'DELETE' and messaging.is_erasing() then
    return old;
  end if;
  raise exception 'The ledger of consent is only appended to: record what is true now with '
    'messaging.record_consent.' using errcode = 'restrict_violation';
end
$$;

create function messaging.refuse_erased_change() returns trigger
language plpgsql
as $$
begin
  raise exception 'Opt-outs of erased numbers are only added: a later word of theirs goes into the ledger.'
    using errcode = 'restrict_violation';
end
$$;
create trigger erased_consents_change before update or delete on messaging.erased_consents
for each row execute function messaging.refuse_erased_change();
create trigger erased_consents_emptied before truncate on messaging.erased_consents
for each statement execute function messaging.refuse_erased_change();

-- As it was, and after that a row without a number for each key that opt-outs are kept with: whoever
-- sends must then ask for them, too. In the same statement, so that an opt-out is always in one of the two.
create or replace function messaging.standings(phones text[])
returns table (phone text, category text, state text, event_id bigint)
language plpgsql
stable
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  return query
  select c.phone, c.category, c.state, c.event_id
  from messaging.consents as c
  where c.phone = any(phones)
  union all
  select s.phone, 'all', 'opted_out', null
  from messaging.stopping as s
  where s.phone = any(phones)
  union all
  select '', k.id, 'opted_out', null
  from messaging.erasure_keys as k
  where k.given_up_at is null;
end
$$;
comment on function messaging.standings(text[]) is
  'What these numbers said last, by category. A STOP that is being carried out has no event_id yet, '
  'and counts before all else. A row without a number names a key with which opt-outs of erased '
  'numbers are kept: ask messaging.erased_consents, too.';

create function messaging.erased_standings(whoms text[])
returns table (whom text, category text, state text, event_id bigint, since timestamptz)
language plpgsql
stable
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  return query
  select distinct on (e.whom, e.category) e.whom, e.category, e.state, e.event_id, e.since
  from messaging.erased_consents as e
  where e.whom = any(whoms)
  order by e.whom, e.category, e.event_id desc;
end
$$;
comment on function messaging.erased_standings(text[]) is
  'What erased numbers, by their keyed hashes, said last by category.';

create function messaging.begin_erasure(whoms text[], by_whom text) returns bigint
language plpgsql
as $$
declare
  erasure bigint;
begin
  update messaging.erasures
  set asked_by = by_whom
  where whom = any(whoms)
  returning id into erasure;
  if erasure is null then
    insert into messaging.erasures (whom, asked_by)
    values (whoms[1], by_whom)
    on conflict (whom) where whom is not null do update set asked_by = excluded.asked_by
    returning id into erasure;
  end if;
  return erasure;
end
$$;
comment on function messaging.begin_erasure(text[], text) is
  'The erasure of a number, by its keyed hashes: the one that somebody left unfinished, or a new one '
  'under the first of them.';

create function messaging.work_on_erasure(erasure bigint) returns void
language plpgsql
as $$
begin
  update messaging.erasures
  set at_work = pg_current_xact_id()
  where id = erasure and finished_at is null;
  if not found then
    raise exception 'erasure % is not under way', erasure
      using errcode = 'invalid_parameter_value', hint = 'Run messaging erase again.';
  end if;
end
$$;
comment on function messaging.work_on_erasure(bigint) is
  'Makes this transaction one that works on an erasure: it may change journals and the ledger.';

create function messaging.recipient_of(entry jsonb) returns text
language sql
immutable
return coalesce(entry ->> 'recipient_phone', entry ->> 'to');
comment on function messaging.recipient_of(jsonb) is
  'To whom a whole message in a queue goes; null where it does not say.';

create function messaging.withdraw_for_erasure(erasure bigint, number text, written text) returns int
language plpgsql
as $$
declare
  ended int;
  changed int;
  touched int := 0;
  queue text;
begin
  perform messaging.work_on_erasure(erasure);
  update messaging.series
  set
    status = 'stopped',
    draft = '{"erased": true}',
    reason = null,
    updated_at = clock_timestamp()
  where status in ('active', 'paused') and messaging.recipient_of(draft) ~ written;
  get diagnostics touched = row_count;

  foreach queue in array array['sms_queue', 'sms_priority_queue'] loop
    execute format(
      'delete from pgmq.%I where messaging.recipient_of(message) ~ $1', 'q_' || queue
    ) using written;
    get diagnostics changed = row_count;
    touched := touched + changed;
  end loop;

  -- Rows that are not prepared have the number as their callers wrote it.
  update public.message_jobs
  set recipient_phone = number
  where
    status in ('scheduled', 'pending')
    and prepared_at is null
    and recipient_phone <> number
    and recipient_phone ~ written;
  ended := messaging.withdraw(number, 'erasure', 'The number is erased.');
  update messaging.erasures as e
  set withdrawn = e.withdrawn + ended, others = e.others + touched
  where e.id = erasure;
  return ended;
end
$$;
comment on function messaging.withdraw_for_erasure(bigint, text, text) is
  'Ends all that waits for a number: messages, whole messages in the queues, series. Returns how many '
  'messages that were. `written` is a pattern of the ways in which a recipient may be written.';

create function messaging.erasure_hindrances(number text)
returns table (what text, amount bigint)
language plpgsql
stable
as $$
#variable_conflict use_column
begin
  return query
  select j.status, count(*)
  from public.message_jobs as j
  where
    j.recipient_phone = number
    and j.status in ('scheduled', 'pending', 'processing', 'retrying', 'in_doubt', 'held')
  group by j.status
  union all
  select 'unread', count(*)
  from messaging.inbound_messages
  where sender = number and sounds_like_refusal and seen_at is null
  having count(*) > 0
  union all
  select 'stopping', count(*) from messaging.stopping where phone = number having count(*) > 0
  union all
  select 'stop', count(*)
  from messaging.stops
  where scope = 'country' and value = number and resumed_at is null
  having count(*) > 0
  order by 1;
end
$$;
comment on function messaging.erasure_hindrances(text) is
  'What of a number is not over and would lose its proof: messages by status, unread refusals, a STOP '
  'that is being carried out, a stop of this very number.';

create function messaging.find_erasable(number text, anywhere text, after uuid, most int)
returns table (last uuid, jobs uuid[], sids text[], mentions uuid[])
language plpgsql
stable
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  with next as materialized (
    select
      j.id,
      j.twilio_sid,
      j.recipient_phone = number or j.recipient_phone ~ anywhere as is_theirs,
      strpos(
        concat(j.message_content, j.template_vars, j.metadata, j.idempotency_key),
        substr(number, 2)
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
comment on function messaging.find_erasable(text, text, uuid, int) is
  'Looks at so many messages after this id: the last one, those of the number that have ended, their ids '
  'at Twilio, and those to others that tell the number. Nothing after it: the last one is null.';

create function messaging.without_number(words jsonb, anywhere text) returns jsonb
language plpgsql
immutable
as $$
begin
  return regexp_replace(words::text, anywhere, 'erased', 'g')::jsonb;
exception
  -- It was a number without quotes.
  when invalid_text_representation then
    return '{}';
end
$$;
comment on function messaging.without_number(jsonb, text) is 'The same without the number.';

create function messaging.erase_jobs(erasure bigint, jobs uuid[], anywhere text) returns int
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  theirs uuid[];
begin
  perform messaging.work_on_erasure(erasure);
  theirs := array(
    select id
    from public.message_jobs
    where id = any(jobs) and status in ('sent', 'failed', 'canceled', 'expired', 'suppressed')
    order by id
    for update
  );
  -- Neither carriers nor people have it sent again: there is nobody to send it to.
  update public.message_jobs as j
  set
    recipient_phone = 'erased',
    message_content = 'erased',
    template_vars = null,
    media_urls = '{}',
    metadata = case
      when jsonb_typeof(j.metadata -> 'campaign') = 'string'
        and j.metadata ->> 'campaign' !~ anywhere
      then jsonb_build_object('campaign', j.metadata -> 'campaign')
      else '{}'
    end,
    idempotency_key = case when j.idempotency_key !~ anywhere then j.idempotency_key end,
    content_key = null,
    error_details = case when j.error_details is not null then
      jsonb_strip_nulls(
        jsonb_build_object('message', 'Erased.', 'rule', j.error_details -> 'rule')
      )
    end,
    max_carrier_retries = 0,
    acknowledged_at = case
      when j.status = 'failed' then coalesce(j.acknowledged_at, clock_timestamp())
      else j.acknowledged_at
    end
  where j.id = any(theirs);
  update messaging.message_events as e
  set details = messaging.without_number(e.details, anywhere)
  where e.job_id = any(theirs) and e.details::text ~ anywhere;
  insert into messaging.message_events (job_id, kind, details)
  select id, 'erased', jsonb_build_object('erasure', erasure)
  from unnest(theirs) as id;
  update messaging.cap_uses set recipient = 'erased' where job_id = any(theirs);
  update messaging.erasures as e
  set messages = e.messages + cardinality(theirs)
  where e.id = erasure;
  return cardinality(theirs);
end
$$;
comment on function messaging.erase_jobs(bigint, uuid[], text) is
  'Takes number and words from messages that have ended; what accounts need stays. Returns how many.';

create function messaging.erase_inbound(erasure bigint, number text, texts text[]) returns int
language plpgsql
as $$
declare
  changed int;
begin
  perform messaging.work_on_erasure(erasure);
  update messaging.inbound_messages
  set sender = 'erased', body = '', media_urls = '{}'
  where sid = any(texts) and sender = number;
  get diagnostics changed = row_count;
  update messaging.erasures as e set inbound = e.inbound + changed where e.id = erasure;
  return changed;
end
$$;
comment on function messaging.erase_inbound(bigint, text, text[]) is
  'Takes number and words from these texts to us; returns how many.';

-- What nobody could use or has used goes as a whole, series lose what they would have said.
create function messaging.erase_elsewhere(erasure bigint, number text, anywhere text) returns int
language plpgsql
as $$
declare
  source text;
  changed int;
  touched int := 0;
begin
  perform messaging.work_on_erasure(erasure);
  -- Whole messages that wait in the queues were ended before; what else tells the number there, nobody
  -- can read.
  foreach source in array array['q_sms_queue', 'q_sms_priority_queue'] loop
    execute format(
      'delete from pgmq.%I where messaging.recipient_of(message) is null and message::text ~ $1',
      source
    ) using anywhere;
    get diagnostics changed = row_count;
    touched := touched + changed;
  end loop;
  foreach source in array array['a_sms_queue', 'a_sms_priority_queue', 'q_sms_dlq', 'a_sms_dlq']
  loop
    execute format(
      'delete from pgmq.%I where coalesce('
      'messaging.recipient_of(message), messaging.recipient_of(message -> ''message''), message::text'
      ') ~ $1',
      source
    ) using anywhere;
    get diagnostics changed = row_count;
    touched := touched + changed;
  end loop;
  update messaging.series
  set draft = '{"erased": true}', reason = null
  where status not in ('active', 'paused') and messaging.recipient_of(draft) ~ anywhere;
  get diagnostics changed = row_count;
  touched := touched + changed;
  update messaging.cap_uses set recipient = 'erased' where recipient = number;
  get diagnostics changed = row_count;
  touched := touched + changed;
  delete from messaging.dead_numbers where phone = number;
  get diagnostics changed = row_count;
  touched := touched + changed;
  update messaging.stops
  set value = 'erased', reason = 'erased'
  where scope = 'country' and value = number and resumed_at is not null;
  get diagnostics changed = row_count;
  touched := touched + changed;
  update messaging.erasures as e
  set others = e.others + touched
  where e.id = erasure;
  return touched;
end
$$;
comment on function messaging.erase_elsewhere(bigint, text, text) is
  'Takes a number from all places but messages, texts to us and consent; returns how many rows.';

create function messaging.erase_consent(
  erasure bigint, number text, whoms text[], key_id text
) returns int
language plpgsql
as $$
declare
  spoken messaging.consents[];
  removed int;
begin
  perform messaging.work_on_erasure(erasure);
  -- Whom somebody blocked by the whole number is not texted afterwards either.
  if exists (select from messaging.destinations where rule = 'block' and what = number) then
    perform messaging.record_consent(
      number, 'opted_out', 'operator', '{"note": "blocked destination"}'
    );
    delete from messaging.destinations where rule = 'block' and what = number;
  end if;

  with gone as (
    delete from messaging.consents where phone = number returning consents
  )
  select array_agg(gone.consents) into spoken from gone;
  delete from messaging.consent_events as e
  where
    e.phone = number
    and not exists (select from messaging.consents as c where c.event_id = e.id);
  get diagnostics removed = row_count;

  if exists (select from unnest(spoken) as s where s.state = 'opted_out')
    or exists (select from messaging.erased_consents as e where e.whom = any(whoms))
  then
    insert into messaging.erasure_keys (id) values (key_id) on conflict do nothing;
    insert into messaging.erased_consents (whom, category, event_id, state, since, key_id)
    select whoms[1], s.category, s.event_id, s.state, s.since, key_id
    from unnest(spoken) as s
    on conflict do nothing;
  end if;
  update messaging.erasures as e set ledger = e.ledger + removed where e.id = erasure;
  return removed;
end
$$;
comment on function messaging.erase_consent(bigint, text, text[], text) is
  'Deletes what the ledger has of a number, in the transaction that keeps its opt-out as a keyed hash: '
  'the first of `whoms`, with that key. Returns how many rows of the ledger those were.';

create function messaging.finish_erasure(erasure bigint) returns void
language sql
begin atomic
  update messaging.erasures
  set finished_at = clock_timestamp(), whom = null, at_work = null
  where id = erasure and finished_at is null;
end;
comment on function messaging.finish_erasure(bigint) is 'It is done: nobody goes on with it.';

-- A receipt of an erased message tells nothing of a number.
create function messaging.spare_erased() returns trigger
language plpgsql
as $$
begin
  return null;
end
$$;
create trigger dead_numbers_erased before insert on messaging.dead_numbers
for each row when (new.phone = 'erased')
execute function messaging.spare_erased();

alter table messaging.erasure_keys enable row level security;
alter table messaging.erased_consents enable row level security;
alter table messaging.erasures enable row level security;

revoke all on function
  messaging.is_erasing(),
  messaging.refuse_erased_change(),
  messaging.erased_standings(text[]),
  messaging.begin_erasure(text[], text),
  messaging.work_on_erasure(bigint),
  messaging.recipient_of(jsonb),
  messaging.withdraw_for_erasure(bigint, text, text),
  messaging.erasure_hindrances(text),
  messaging.find_erasable(text, text, uuid, int),
  messaging.without_number(jsonb, text),
  messaging.erase_jobs(bigint, uuid[], text),
  messaging.erase_inbound(bigint, text, text[]),
  messaging.erase_elsewhere(bigint, text, text),
  messaging.erase_consent(bigint, text, text[], text),
  messaging.finish_erasure(bigint),
  messaging.spare_erased()
from public;
