-- name: remember_dead
-- Remembers that the numbers of these texts take none; how many numbers.
select messaging.remember_dead(%(sids)s::text[], %(lasting)s)

-- name: retry_undelivered
-- Sends texts that did not arrive again, as new ones, as far as they allow it; a row each.
select new_id
from messaging.retry_undelivered(%(sids)s::text[], %(waits)s::interval[], %(most)s) as new_id

-- name: awaits_arrivals
-- Whether it matters to anything that a text has arrived.
select messaging.awaits_arrivals()

-- name: note_arrivals
-- These texts have arrived: forgets that their numbers take none, and cancels what repeats them.
select messaging.note_arrivals(%(sids)s::text[])

-- name: dead_numbers
-- Numbers that take no texts, the latest first, and how many there are in all.
select phone, error_code, since, until, twilio_sid, count(*) over () as total
from messaging.dead_numbers
order by since desc, phone
limit %(most)s

-- name: forget_number
-- Forgets that a number takes no texts; false where nobody had said so.
select messaging.forget_number(%(phone)s)
