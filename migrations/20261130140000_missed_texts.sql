-- Texts to us whose webhook never came are found in Twilio's list, and heeded as if it had come in
-- time: what was said later counts, whatever is heard first.

alter table messaging.inbound_messages
add column sent_at timestamptz,
add column was_missed boolean not null default false;
comment on column messaging.inbound_messages.sent_at is
  'When it was sent, by Twilio''s clock; known once Twilio''s list has been read.';
comment on column messaging.inbound_messages.was_missed is
  'No webhook brought it: it was found in Twilio''s list, at the time `at`.';

-- serves: missed_lately
create index inbound_messages_missed on messaging.inbound_messages (at) where was_missed;

create table messaging.inbound_reading (
  number text primary key,
  began_at timestamptz not null,
  read_until timestamptz not null
);
comment on table messaging.inbound_reading is
  'How far Twilio''s list of texts to each of our numbers has been read.';
comment on column messaging.inbound_reading.number is 'Our number.';
comment on column messaging.inbound_reading.began_at is
  'When somebody last began to read: others leave it alone for a while.';
comment on column messaging.inbound_reading.read_until is
  'Texts that were sent up to then have been seen, by the database''s clock.';

create function messaging.is_outdone(number text, word text, sent_at timestamptz) returns boolean
language sql
stable
return case word
  -- When a text that a webhook brought was sent is not known at first: not a minute before it came.
  when 'stop' then exists (
    select from messaging.inbound_messages as m
    where
      m.sender = number
      and m.word = 'start'
      and coalesce(m.sent_at, m.at - interval '1 minute') > is_outdone.sent_at
  ) or exists (
    select from messaging.consent_events as e
    where
      e.phone = number
      and e.source <> 'keyword'
      and e.state = 'opted_in'
      and e.category = 'all'
      and e.at > is_outdone.sent_at
  )
  when 'start' then exists (
    select from messaging.inbound_messages as m
    where
      m.sender = number and m.word = 'stop' and coalesce(m.sent_at, m.at) >= is_outdone.sent_at
  ) or exists (
    select from messaging.consent_events as e
    where
      e.phone = number
      and e.source <> 'keyword'
      and e.state = 'opted_out'
      and e.at >= is_outdone.sent_at
  ) or exists (
    select from messaging.stopping as s
    where s.phone = number and s.source <> 'keyword' and s.since >= is_outdone.sent_at
  )
  else false
end;
comment on function messaging.is_outdone(text, text, timestamptz) is
  'Whether this number has said the opposite since a STOP or START of that time; where that is not '
  'certain, the STOP counts.';

create function messaging.record_missed(texts jsonb, until timestamptz)
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
end
$$;
comment on function messaging.record_missed(jsonb, timestamptz) is
  'Keeps texts to us that Twilio''s list shows and no webhook brought, of those sent until then, and '
  'heeds their keywords unless the opposite was said since. Returns those that were new.';

alter table messaging.inbound_reading enable row level security;

revoke all on function
  messaging.is_outdone(text, text, timestamptz),
  messaging.record_missed(jsonb, timestamptz)
from public;
