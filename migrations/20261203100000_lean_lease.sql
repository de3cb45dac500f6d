-- A lease that costs a text a third of what it did.
--
-- pgmq.read joins what it leases with the whole queue. For some thousand entries Postgres then reads
-- all of them, for each lease; and its statement is planned anew each time. Here the plan is kept, and
-- its only way is a look into the primary key for each entry that is leased (decision 10).

-- An entry is updated once, when it is leased. With half of each page free its new version always
-- finds room beside the old one, and no index has to be told; with less, it mostly did not.
alter table pgmq.q_sms_queue set (fillfactor = 50);
alter table pgmq.q_sms_priority_queue set (fillfactor = 50);

-- None of pgmq's functions needs it, nor does any of ours; with it each lease would be a new row there.
drop index if exists pgmq.q_sms_priority_queue_vt_idx;

create or replace function messaging.lease(queue text, seconds int, most int, caps jsonb)
returns table (msg_id bigint, written text)
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  if messaging.is_halted(lease.queue, lease.caps) then
    return;
  end if;
  if lease.queue = 'sms_priority_queue' then
    return query
    with ours as materialized (
      select msg_id
      from pgmq.q_sms_priority_queue
      where vt <= clock_timestamp()
      order by msg_id
      limit lease.most
      for update skip locked
    )
    update pgmq.q_sms_priority_queue as entry
    set
      vt = clock_timestamp() + make_interval(secs => lease.seconds),
      read_ct = entry.read_ct + 1
    from ours
    where entry.msg_id = any(array[ours.msg_id])
    returning entry.msg_id, entry.message::text;
  elsif messaging.campaigns_wait() then
    return query select * from messaging.lease_in_turn(lease.seconds, lease.most);
  else
    return query
    with ours as materialized (
      select msg_id
      from pgmq.q_sms_queue
      where vt <= clock_timestamp()
      order by msg_id
      limit lease.most
      for update skip locked
    )
    update pgmq.q_sms_queue as entry
    set
      vt = clock_timestamp() + make_interval(secs => lease.seconds),
      read_ct = entry.read_ct + 1
    from ours
    where entry.msg_id = any(array[ours.msg_id])
    returning entry.msg_id, entry.message::text;
  end if;
end
$$;
comment on function messaging.lease(text, int, int, jsonb) is
  'Takes so many entries of a queue for some seconds, the oldest first, and in the normal lane, where '
  'campaigns wait, one of each in turn; none where the queue is halted, by a person or by a cap.';
