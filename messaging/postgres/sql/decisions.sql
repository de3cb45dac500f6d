-- name: held
-- Messages that a person should look at, those that wait longest first.
select id, status, since, attempt, recipient_phone, scheduled_for, reason, due_at
from messaging.held_messages
order by since, id
limit %(most)s

-- name: held_count
-- How many there are.
select count(*)
from messaging.held_messages

-- name: resolve
-- Does what a person decided about a message; the answer in a word.
select messaging.resolve_as(%(by)s, %(id)s, %(decision)s, %(sid)s)
