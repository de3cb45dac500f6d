-- name: stops
-- The numbers of all stops that hold now.
select id
from messaging.stops
where resumed_at is null

-- name: stopped
-- What is stopped now, each in a few words.
select concat_ws(' ', scope, nullif(value, ''))
from messaging.stops
where resumed_at is null
order by id

-- name: active_stops
-- What is stopped now, why, since when, and how many messages wait outside of the queues for it.
select scope, value, reason, stopped_by, stopped_at, set_aside
from messaging.active_stops
order by stopped_at, id

-- name: past_stops
-- What was stopped and is no more, the latest first.
select scope, value, reason, stopped_by, stopped_at, resumed_by, resumed_at
from messaging.stops
where resumed_at is not null
order by resumed_at desc
limit %(most)s

-- name: stop
-- Stops sending; the answer in a word.
select messaging.stop_as(%(by)s, %(scope)s, %(value)s, %(reason)s)

-- name: resume
-- Ends a stop; the answer in a word.
select messaging.resume_as(%(by)s, %(scope)s, %(value)s)

-- name: park
-- Sets those of these messages aside whose country or campaign is stopped; these are they.
select parked
from messaging.park(%(ids)s::uuid[]) as parked

-- name: kept_by_twilio
-- How many texts Twilio keeps for later: it sends them, whatever is stopped here.
select count(*)
from public.message_jobs
where status = 'scheduled' and due_at > now() and handed_over_at is not null

-- name: destinations
-- Where texts may go by the table: what is allowed, and what is blocked.
select rule, what
from messaging.known_destinations()

-- name: give_back
-- Takes what did not go out from the counts of the caps; how much.
select messaging.give_back(%(outcomes)s)

-- name: forget_uses
-- Forgets what no cap looks at any more; how much.
select messaging.forget_uses(%(most)s)

-- name: counts
-- What was counted in this hour and this day.
select span, began, messages, segments, usd
from messaging.cap_counts
where
  span = 'day' and began = messaging.window_of('day', clock_timestamp())
  or span = 'hour' and began = messaging.window_of('hour', clock_timestamp())
order by span
