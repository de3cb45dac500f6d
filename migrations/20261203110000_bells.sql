-- The bridge's bell rings for every entry, whoever puts it into a queue.
--
-- Until now `messaging.put_entries` rang it, and for producers that call pgmq themselves the bridge
-- asked each second whether there is anything.

create function messaging.ring() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('messaging_entries', tg_argv[0]);
  return null;
end
$$;
comment on function messaging.ring() is
  'Wakes the bridge; the argument of the trigger is the name of the queue. Of several in one '
  'transaction Postgres delivers one.';

create trigger messaging_ring after insert on pgmq.q_sms_queue
for each statement execute function messaging.ring('sms_queue');
create trigger messaging_ring after insert on pgmq.q_sms_priority_queue
for each statement execute function messaging.ring('sms_priority_queue');

-- As it was, but the queues ring themselves.
create or replace function messaging.put_entries(queue text, job_ids uuid[], marks text[]) returns void
language plpgsql
as $$
begin
  if coalesce(cardinality(job_ids), 0) = 0 then
    return;
  end if;
  perform pgmq.send_batch(
    queue,
    array(
      select
        case
          when mark is null then jsonb_build_object('job_id', job_id)
          else jsonb_build_object('job_id', job_id, 'campaign', mark)
        end
      from unnest(job_ids, marks) as entry (job_id, mark)
    )
  );
end
$$;

revoke all on function messaging.ring() from public;
