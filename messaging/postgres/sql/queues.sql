-- name: lease
-- Takes queue entries for a while; those that are not deleted by then come back by themselves.
select msg_id, read_ct, message
from pgmq.read(%(queue)s, %(lease)s, %(most)s)

-- name: release
-- Makes a leased entry visible again after this many seconds.
select msg_id
from pgmq.set_vt(%(queue)s, %(msg_id)s::bigint, %(after)s::integer)

-- name: delete
-- Removes entries for good; those that are gone already are not in the answer.
select pgmq.delete(%(queue)s, %(msg_ids)s::bigint[])

-- name: bury
-- Parks an entry that nobody can use in the dead letters, with the reason.
select pgmq.send('sms_dlq', %(letter)s::jsonb)

-- name: depth
-- How long each queue is and how old its oldest entry, in seconds.
select lane, queue_length, oldest_msg_age_sec, total_messages
from messaging.queue_depth

-- name: be_patient
-- How long this connection waits for its turn.
select set_config('lock_timeout', %(patience)s, false)

-- name: take_turn
-- Waits for the only place at a lane; it is given up with the connection.
select pg_advisory_lock(%(lock)s)

-- name: listen
-- Wakes this connection when entries are put into any queue; the payload names the queue.
listen messaging_entries
