-- name: begin_reading
-- Takes the turn to read the list of texts to one of our numbers: from when on, and until when. No
-- row: somebody began within %(every)s.
insert into messaging.inbound_reading as known (number, began_at, read_until)
values (%(number)s, clock_timestamp(), clock_timestamp() - %(first)s)
on conflict on constraint inbound_reading_pkey do update
set began_at = excluded.began_at
where known.began_at <= excluded.began_at - %(every)s
returning known.read_until - %(overlap)s as since, known.began_at - %(young)s as until

-- name: end_reading
-- Notes that the list was read in full until then; never takes it back.
update messaging.inbound_reading
set read_until = greatest(read_until, %(until)s)
where number = %(number)s

-- name: record_missed
-- Keeps listed texts that no webhook brought, of those sent until then, and heeds them; a row for
-- each that was new.
select sid, was_outdone
from messaging.record_missed(%(texts)s, %(until)s)

-- name: missed_lately
-- How many texts of the last 24 hours only Twilio's list brought.
select count(*) as texts
from messaging.inbound_messages
where was_missed and at >= statement_timestamp() - interval '24 hours'

-- name: read_until
-- Until when the list has been read of the number that is furthest behind; null: of none.
select min(read_until) as read_until, clock_timestamp() - min(read_until) as behind
from messaging.inbound_reading
