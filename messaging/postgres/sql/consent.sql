-- name: record_inbound
-- Keeps texts to us and heeds keywords: a STOP lets no further claim through from here on. Returns
-- the ids of those that were new.
select messaging.record_inbound(%(texts)s)

-- name: begin_stop
-- Lets no further claim of texts to this number through. No row: it is stopping already.
select messaging.begin_stop(%(phone)s, %(source)s, %(evidence)s, %(by)s)

-- name: horizon
-- Transactions below this number may have begun before what is committed by now was known.
select pg_snapshot_xmax(pg_current_snapshot())::text

-- name: is_quiet
-- Whether no request to a number that is stopping can start any more.
select messaging.is_quiet(%(phone)s, %(horizon)s::xid8, %(write_deadline)s)

-- name: finish_stop
-- Writes a STOP into the ledger and ends all texts to that number; how many those were. Null: somebody
-- else has done it.
select messaging.finish_stop(%(phone)s)

-- name: finish_overdue
-- Does the same for every number whose STOP somebody left behind, so long ago that nothing can be
-- under way; a row for each.
select messaging.finish_stop(phone)
from messaging.stopping
where since < clock_timestamp() - %(write_deadline)s
order by since
limit 100

-- name: standings
-- What these numbers said last, by category; nothing for those that said nothing. A row without a
-- number names a key with which opt-outs of erased numbers are kept.
select phone, category, state, event_id
from messaging.standings(%(phones)s)

-- name: record_consent
-- Adds a yes or a no to the ledger; its number there.
select messaging.record_consent(
  %(phone)s, %(state)s, %(source)s, %(evidence)s, %(category)s, %(by)s
)

-- name: consent_story
-- Everything that is known of a number's consent, oldest first: the ledger, and what it texted us.
select at, 'consent' as kind, category, state, source, evidence::text as evidence, recorded_by as by
from messaging.consent_events
where phone = %(phone)s
union all
select
  at,
  'inbound',
  null,
  word,
  null,
  (
    jsonb_build_object('sid', sid, 'to', recipient, 'sounds_like_refusal', sounds_like_refusal)
    || case
      when was_missed then jsonb_build_object('found_later', true, 'sent_at', sent_at) else '{}'
    end
  )::text,
  seen_by
from messaging.inbound_messages
where sender = %(phone)s
order by at

-- name: inbound_unseen
-- Texts that sound like a refusal and that nobody has seen to, oldest first.
select sid, at, sender, recipient, body, count(*) over () as total
from messaging.inbound_messages
where sounds_like_refusal and seen_at is null
order by at
limit %(most)s

-- name: see_inbound
-- Notes who saw to a text. No row: there is none, or somebody has.
update messaging.inbound_messages
set seen_at = clock_timestamp(), seen_by = %(by)s
where sid = %(sid)s and seen_at is null
returning sid
