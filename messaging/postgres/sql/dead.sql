-- name: find_dead
-- Dead letters, those that are dead longest first, and how many there are in all.
select
  kind, id, msg_id, since, lane, user_id, recipient_phone, attempt, error_code, reason,
  count(*) over () as total
from messaging.dead_letters
where
  (%(kind)s::text is null or kind = %(kind)s)
  and (%(error_code)s::int is null or error_code = %(error_code)s)
  and (%(since)s::timestamptz is null or since >= %(since)s)
  and (%(until)s::timestamptz is null or since <= %(until)s)
  and (%(user_id)s::uuid is null or user_id = %(user_id)s)
  and (%(lane)s::text is null or lane = %(lane)s)
  and (%(id)s::uuid is null or id = %(id)s)
  and (%(msg_id)s::bigint is null or msg_id = %(msg_id)s)
order by since, id, msg_id
limit %(most)s

-- name: entry_of_letter
-- What an entry of the dead letters carries, as JSON text. No row: there is none.
select (message -> 'message')::text
from pgmq.q_sms_dlq
where msg_id = %(msg_id)s

-- name: replay
-- Sends failed messages again, as new ones; a row each: what became of it.
select id, result, new_id, reason
from messaging.replay_as(%(by)s, %(ids)s::uuid[], %(again)s, %(dry_run)s)

-- name: put_back
-- Gives an unreadable entry back to its queue; what became of it.
select messaging.put_back_as(%(by)s, %(msg_id)s, %(dry_run)s)

-- name: discard
-- Takes messages and entries from the dead letters, on record; a row each: what became of it.
select id, msg_id, result
from messaging.discard_as(%(by)s, %(ids)s::uuid[], %(msg_ids)s::bigint[], %(dry_run)s)
