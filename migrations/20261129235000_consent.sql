-- Consent: who said yes or no to being texted, when and how we know. The ledger is only appended to;
-- what a number said last is beside it, because each claim asks for it.

create table messaging.consent_events (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  phone text not null,
  channel text not null default 'sms',
  category text not null default 'all',
  state text not null,
  source text not null,
  evidence jsonb not null default '{}',
  recorded_by text,
  constraint consent_events_phone check (phone ~ '^\+[0-9]{7,15}$'),
  constraint consent_events_channel check (channel in ('sms')),
  constraint consent_events_category check (category in ('all', 'transactional', 'marketing')),
  constraint consent_events_state check (state in ('opted_in', 'opted_out')),
  constraint consent_events_source check (
    source in ('keyword', 'twilio', 'operator', 'import', 'application')
  ),
  constraint consent_events_evidence check (jsonb_typeof(evidence) = 'object')
);
comment on table messaging.consent_events is
  'The ledger of consent: each yes and no, with its source and evidence. Rows are only added.';
comment on column messaging.consent_events.id is 'Its place: the later one counts.';
comment on column messaging.consent_events.at is 'When it was recorded.';
comment on column messaging.consent_events.phone is 'Whose consent, in E.164.';
comment on column messaging.consent_events.channel is 'What it is about: sms.';
comment on column messaging.consent_events.category is
  'Which texts it is about: all, transactional or marketing.';
comment on column messaging.consent_events.state is 'What was said: opted_in or opted_out.';
comment on column messaging.consent_events.source is
  'How we know: keyword (a text to us), twilio (it refused a send, 21610), operator (the command '
  'line), import (a file), application (the SQL function or Python).';
comment on column messaging.consent_events.evidence is
  'What proves it: the text''s SID and keyword, a form, a ticket. Never the body of a text.';
comment on column messaging.consent_events.recorded_by is 'Which person recorded it.';

-- serves: consent_story
create index consent_events_phone on messaging.consent_events (phone, id);

create table messaging.consents (
  phone text not null,
  category text not null,
  state text not null,
  since timestamptz not null,
  event_id bigint not null references messaging.consent_events (id),
  primary key (phone, category)
);
comment on table messaging.consents is
  'What each number said last, by category: made from the ledger, never written by hand.';
comment on column messaging.consents.phone is 'Whose consent, in E.164.';
comment on column messaging.consents.category is 'all, transactional or marketing.';
comment on column messaging.consents.state is 'opted_in or opted_out.';
comment on column messaging.consents.since is 'When the ledger took it down.';
comment on column messaging.consents.event_id is 'Where it stands in the ledger; the later one counts.';

create table messaging.stopping (
  phone text primary key,
  since timestamptz not null default clock_timestamp(),
  source text not null,
  evidence jsonb not null default '{}',
  recorded_by text
);
comment on table messaging.stopping is
  'Numbers that said STOP and may still have a text under way: claims leave them out from now on, '
  'and once what was under way has ended, the STOP goes into the ledger.';
comment on column messaging.stopping.phone is 'Who said it, in E.164.';
comment on column messaging.stopping.since is 'When we heard it.';
comment on column messaging.stopping.source is 'As in the ledger.';
comment on column messaging.stopping.evidence is 'As in the ledger.';
comment on column messaging.stopping.recorded_by is 'As in the ledger.';

create table messaging.inbound_messages (
  sid text primary key,
  at timestamptz not null default clock_timestamp(),
  sender text not null,
  recipient text not null,
  body text not null,
  media_urls text[] not null default '{}',
  word text,
  sounds_like_refusal boolean not null default false,
  seen_at timestamptz,
  seen_by text,
  constraint inbound_messages_word check (word in ('stop', 'start', 'help'))
);
comment on table messaging.inbound_messages is 'Texts to us, as Twilio posted them.';
comment on column messaging.inbound_messages.sid is 'Twilio''s id of it.';
comment on column messaging.inbound_messages.at is 'When it came.';
comment on column messaging.inbound_messages.sender is 'Who sent it.';
comment on column messaging.inbound_messages.recipient is 'Our number that it was sent to.';
comment on column messaging.inbound_messages.body is 'What it says.';
comment on column messaging.inbound_messages.media_urls is 'Its pictures, at Twilio.';
comment on column messaging.inbound_messages.word is
  'stop, start or help, where the whole body is a keyword.';
comment on column messaging.inbound_messages.sounds_like_refusal is
  'It is no keyword and sounds like an opt-out: a person must read it.';
comment on column messaging.inbound_messages.seen_at is 'When a person saw to it.';
comment on column messaging.inbound_messages.seen_by is 'Who that was.';

-- serves: inbound_unseen
create index inbound_messages_unseen on messaging.inbound_messages (at)
where sounds_like_refusal and seen_at is null;

-- serves: consent_story
create index inbound_messages_sender on messaging.inbound_messages (sender, at);

-- serves: finish_stop and is_quiet; a number's texts that have not ended
create index message_jobs_recipient on public.message_jobs (recipient_phone)
where status in ('scheduled', 'pending', 'processing', 'retrying');

create function messaging.refuse_ledger_change() returns trigger
language plpgsql
as $$
begin
  raise exception 'The ledger of consent is only appended to: record what is true now with '
    'messaging.record_consent.' using errcode = 'restrict_violation';
end
$$;
create trigger consent_events_change before update or delete on messaging.consent_events
for each row execute function messaging.refuse_ledger_change();
create trigger consent_events_emptied before truncate on messaging.consent_events
for each statement execute function messaging.refuse_ledger_change();

create function messaging.note_consent() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into messaging.consents as known (phone, category, state, since, event_id)
  values (new.phone, new.category, new.state, new.at, new.id)
  on conflict on constraint consents_pkey do update
  set state = excluded.state, since = excluded.since, event_id = excluded.event_id
  where excluded.event_id > known.event_id;
  return null;
end
$$;
create trigger consent_events_known after insert on messaging.consent_events
for each row execute function messaging.note_consent();

-- Twilio refuses a number that said STOP to it (21610): it is our opt-out too, in the same
-- transaction as the answer or receipt that told.
create function messaging.note_refused_recipient() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into messaging.consent_events (phone, state, source, evidence)
  select
    new.recipient_phone,
    'opted_out',
    'twilio',
    jsonb_strip_nulls(jsonb_build_object('code', 21610, 'job', new.id, 'sid', new.twilio_sid))
  where
    new.recipient_phone ~ '^\+[0-9]{7,15}$'
    and not messaging.is_opted_out(new.recipient_phone, 'all');
  return null;
end
$$;
create trigger message_jobs_opted_out after update of error_code on public.message_jobs
for each row when (new.error_code = 21610 and old.error_code is distinct from 21610)
execute function messaging.note_refused_recipient();

create function messaging.is_opted_out(phone text, category text) returns boolean
language sql
stable
return coalesce(
  (
    select c.state = 'opted_out'
    from messaging.consents as c
    where c.phone = is_opted_out.phone and c.category in ('all', is_opted_out.category)
    order by c.event_id desc
    limit 1
  ),
  false
);
comment on function messaging.is_opted_out(text, text) is
  'Whether this number''s last word on such texts was no.';

create function messaging.standings(phones text[])
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
  where s.phone = any(phones);
end
$$;
comment on function messaging.standings(text[]) is
  'What these numbers said last, by category. A STOP that is being carried out has no event_id yet, '
  'and counts before all else.';

create function messaging.withdraw(number text, rule text, reason text) returns int
language plpgsql
set enable_seqscan = off
as $$
declare
  ours uuid[];
  theirs uuid[];
  why jsonb := jsonb_build_object('rule', rule, 'reason', reason);
begin
  -- In the order of their ids, as everybody locks them.
  perform 1
  from public.message_jobs
  where
    recipient_phone = number and status in ('scheduled', 'pending', 'processing', 'retrying')
  order by id
  for update;

  with stopped as (
    update public.message_jobs
    set
      status = 'suppressed',
      due_at = null,
      recall = null,
      error_details = jsonb_build_object('rule', rule, 'message', reason),
      updated_at = clock_timestamp()
    where
      recipient_phone = number
      and status in ('scheduled', 'pending', 'retrying')
      and handed_over_at is null
    returning id
  )
  select coalesce(array_agg(id), '{}') into ours from stopped;

  -- Twilio keeps these, or a worker has them: what has not gone out is dropped.
  with wanted as (
    update public.message_jobs
    set
      recall = 'cancel',
      due_at = case when handed_over_at is null then due_at else clock_timestamp() end
    where
      recipient_phone = number
      and recall is distinct from 'cancel'
      and (status = 'processing' or (status = 'scheduled' and handed_over_at is not null))
    returning id
  )
  select coalesce(array_agg(id), '{}') into theirs from wanted;

  insert into messaging.message_events (job_id, kind, details)
  select id, 'suppressed', why
  from unnest(ours) as id;
  insert into messaging.message_events (job_id, kind, details)
  select id, 'canceling', why
  from unnest(theirs) as id;
  return cardinality(ours) + cardinality(theirs);
end
$$;
comment on function messaging.withdraw(text, text, text) is
  'Ends every text to a number that has not gone out: suppressed, or asked back where Twilio or a '
  'worker has it. Returns how many.';

create function messaging.finish_stop(number text) returns int
language plpgsql
as $$
declare
  stop messaging.stopping;
begin
  delete from messaging.stopping where phone = number returning * into stop;
  if stop.phone is null then
    return null;
  end if;
  insert into messaging.consent_events (phone, state, source, evidence, recorded_by)
  values (number, 'opted_out', stop.source, stop.evidence, stop.recorded_by);
  return messaging.withdraw(number, 'opt_out', 'The recipient opted out.');
end
$$;
comment on function messaging.finish_stop(text) is
  'Writes a STOP into the ledger and ends all texts to that number, in one transaction. Returns how '
  'many those were; null where somebody else has done it.';

create function messaging.is_quiet(number text, horizon xid8, write_deadline interval)
returns boolean
language plpgsql
set enable_seqscan = off
as $$
begin
  -- Transactions that began to write before the STOP was known have ended, so their claims show; or
  -- so much time has passed that nothing of them may still be written.
  return (
    pg_snapshot_xmin(pg_current_snapshot()) >= horizon
    or not exists (
      select from messaging.stopping
      where phone = number and since > clock_timestamp() - write_deadline
    )
  )
  and not exists (
    select from public.message_jobs
    where
      recipient_phone = number
      and status = 'processing'
      and claimed_at > clock_timestamp() - write_deadline
  );
end
$$;
comment on function messaging.is_quiet(text, xid8, interval) is
  'Whether no request to a number that is stopping can start any more. The horizon is the snapshot''s '
  'xmax, taken after the STOP was committed.';

create function messaging.begin_stop(number text, source text, evidence jsonb, recorded_by text)
returns boolean
language sql
begin atomic
  insert into messaging.stopping (phone, source, evidence, recorded_by)
  values (number, begin_stop.source, begin_stop.evidence, begin_stop.recorded_by)
  on conflict (phone) do nothing
  returning true;
end;
comment on function messaging.begin_stop(text, text, jsonb, text) is
  'Lets no further claim of texts to this number through. No row: it is stopping already.';

create function messaging.record_consent(
  phone text,
  state text,
  source text default 'application',
  evidence jsonb default '{}',
  category text default 'all',
  recorded_by text default null
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  recorded bigint;
begin
  if record_consent.evidence is null or record_consent.evidence = '{}' then
    raise exception 'Say how you know: evidence must not be empty, e.g. {"form": "signup"}.'
      using errcode = 'invalid_parameter_value';
  end if;
  if record_consent.phone is null or record_consent.phone !~ '^\+[0-9]{7,15}$' then
    raise exception 'The phone number must be in E.164: + and 7 to 15 digits.'
      using errcode = 'invalid_parameter_value';
  end if;
  -- The later word counts: what is stopping is written down first.
  perform messaging.finish_stop(record_consent.phone);
  insert into messaging.consent_events (phone, category, state, source, evidence, recorded_by)
  values (
    record_consent.phone, record_consent.category, record_consent.state, record_consent.source,
    record_consent.evidence, record_consent.recorded_by
  )
  returning id into recorded;
  if record_consent.state = 'opted_out' and record_consent.category = 'all' then
    perform messaging.withdraw(record_consent.phone, 'opt_out', 'The recipient opted out.');
  end if;
  return recorded;
end
$$;
comment on function messaging.record_consent(text, text, text, jsonb, text, text) is
  'Records a yes (opted_in) or a no (opted_out), with its evidence; after a no to all texts, those '
  'that wait are suppressed. What a worker is sending at that moment may still go out. Returns its '
  'number in the ledger.';

create type messaging.inbound as (
  sid text,
  sender text,
  recipient text,
  body text,
  media_urls text[],
  word text,
  said text,
  only_undoes boolean,
  sounds_like_refusal boolean
);
comment on type messaging.inbound is
  'A text to us and what it says: word is stop, start or help, said is the keyword. only_undoes: it '
  'takes a STOP back, and is no consent of its own.';

create function messaging.record_inbound(texts jsonb) returns setof text
language plpgsql
as $$
declare
  fresh text[];
  heard messaging.inbound;
  proof jsonb;
begin
  with stored as (
    insert into messaging.inbound_messages
      (sid, sender, recipient, body, media_urls, word, sounds_like_refusal)
    select sid, sender, recipient, body, media_urls, word, sounds_like_refusal
    from jsonb_populate_recordset(null::messaging.inbound, texts)
    on conflict (sid) do nothing
    returning sid
  )
  select array_agg(sid) into fresh from stored;

  -- In the order in which they came: the later word counts.
  for heard in
    select * from jsonb_populate_recordset(null::messaging.inbound, texts) where sid = any(fresh)
  loop
    proof := jsonb_build_object('sid', heard.sid, 'said', heard.said, 'to', heard.recipient);
    if heard.word = 'stop' and heard.sender ~ '^\+[0-9]{7,15}$' then
      perform messaging.begin_stop(heard.sender, 'keyword', proof, null);
    elsif heard.word = 'start' and heard.sender ~ '^\+[0-9]{7,15}$' then
      -- The later word counts: what is stopping is written down first.
      perform messaging.finish_stop(heard.sender);
      if not heard.only_undoes or messaging.is_opted_out(heard.sender, 'all') then
        insert into messaging.consent_events (phone, state, source, evidence)
        values (heard.sender, 'opted_in', 'keyword', proof);
      end if;
    end if;
    return next heard.sid;
  end loop;
end
$$;
comment on function messaging.record_inbound(jsonb) is
  'Keeps texts to us, and heeds those that are keywords. Returns the ids of those that were new.';

alter table messaging.consent_events enable row level security;
alter table messaging.consents enable row level security;
alter table messaging.stopping enable row level security;
alter table messaging.inbound_messages enable row level security;

revoke all on function
  messaging.refuse_ledger_change(),
  messaging.note_consent(),
  messaging.note_refused_recipient(),
  messaging.is_opted_out(text, text),
  messaging.standings(text[]),
  messaging.withdraw(text, text, text),
  messaging.finish_stop(text),
  messaging.is_quiet(text, xid8, interval),
  messaging.begin_stop(text, text, jsonb, text),
  messaging.record_consent(text, text, text, jsonb, text, text),
  messaging.record_inbound(jsonb)
from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'service_role') then
    grant select, insert on messaging.consent_events to service_role;
    grant select on messaging.consents, messaging.inbound_messages to service_role;
    grant execute on function
      messaging.is_opted_out, messaging.record_consent
    to service_role;
  end if;
end
$$;
