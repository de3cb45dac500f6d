-- name: erased_standings
-- What erased numbers, by their keyed hashes, said last by category; nothing for others.
select whom, category, state, event_id, since
from messaging.erased_standings(%(whoms)s)

-- name: begin_erasure
-- The erasure of a number: a new one, or the one that somebody left unfinished.
select messaging.begin_erasure(%(whoms)s, %(by)s)

-- name: withdraw_for_erasure
-- Ends all that waits for a number; how many messages that were.
select messaging.withdraw_for_erasure(%(erasure)s, %(phone)s, %(written)s)

-- name: erasure_hindrances
-- What of a number is not over; no row where nothing stands against its erasure.
select what, amount
from messaging.erasure_hindrances(%(phone)s)

-- name: count_erasable
-- How many rows of each table an erasure would change, and how, but for messages that have ended.
select place, fate, amount
from messaging.count_erasable(%(phone)s, %(whoms)s, %(written)s, %(anywhere)s)

-- name: count_telling
-- How many lines of the journals of these messages tell the number.
select count(*)
from messaging.message_events
where job_id = any(%(jobs)s::uuid[]) and details::text ~ %(anywhere)s

-- name: unfinished_erasure
-- The erasure of a number that somebody left unfinished. No row: there is none.
select id
from messaging.erasures
where whom = any(%(whoms)s)

-- name: find_erasable
-- The number's messages that have ended among the next ones; where there are no next ones, last is null.
select last, jobs, sids, mentions
from messaging.find_erasable(%(phone)s, %(anywhere)s, %(after)s, %(most)s)

-- name: erase_jobs
-- Takes number and words from these messages; how many.
select messaging.erase_jobs(%(erasure)s, %(jobs)s, %(anywhere)s)

-- name: inbound_sids
-- Twilio's ids of the texts that a number sent to us, some at a time.
select sid
from messaging.inbound_messages
where sender = %(phone)s
order by at, sid
limit %(most)s

-- name: erase_inbound
-- Takes number and words from these texts to us; how many.
select messaging.erase_inbound(%(erasure)s, %(phone)s, %(sids)s)

-- name: erase_elsewhere
-- Takes the number from all other places; how many rows.
select messaging.erase_elsewhere(%(erasure)s, %(phone)s, %(anywhere)s)

-- name: erase_consent
-- Keeps an opt-out as a keyed hash and deletes what the ledger has; how many rows of it.
select messaging.erase_consent(%(erasure)s, %(phone)s, %(whoms)s, %(key_id)s)

-- name: finish_erasure
-- It is done.
select messaging.finish_erasure(%(erasure)s)

-- name: forget_samples
-- Has the planner look anew: what it remembers of a table are values out of it.
analyze
  public.message_jobs, messaging.message_events, messaging.inbound_messages, messaging.cap_uses,
  messaging.consents, messaging.consent_events, messaging.dead_numbers, messaging.series,
  pgmq.q_sms_queue, pgmq.q_sms_priority_queue, pgmq.q_sms_dlq,
  pgmq.a_sms_queue, pgmq.a_sms_priority_queue, pgmq.a_sms_dlq

-- name: erasures
-- The latest erasures, the youngest first.
select id, began_at, finished_at, asked_by, withdrawn, messages, inbound, ledger, others
from messaging.erasures
order by id desc
limit %(most)s

-- name: erasure_keys
-- The keys that opt-outs are kept with, and how many numbers each keeps.
select
  k.id, k.first_used_at, k.given_up_at, k.given_up_by,
  (select count(distinct e.whom) from messaging.erased_consents as e where e.key_id = k.id) as numbers
from messaging.erasure_keys as k
order by k.first_used_at, k.id

-- name: give_key_up
-- Has the opt-outs of a lost key asked no more. No row: there is no such key, or it is given up.
update messaging.erasure_keys
set given_up_at = clock_timestamp(), given_up_by = %(by)s
where id = %(id)s and given_up_at is null
returning id
