-- Redis was wiped, or came back empty: what was handed to it is handed out again at once.

create function messaging.release_entries(queue text) returns int
language plpgsql
as $$
declare
  released int;
begin
  -- Entries that somebody deletes or leases at this moment are left to them.
  if queue = 'sms_priority_queue' then
    with leased as (
      select msg_id from pgmq.q_sms_priority_queue
      where vt > clock_timestamp()
      for update skip locked
    )
    update pgmq.q_sms_priority_queue as entry
    set vt = clock_timestamp()
    from leased
    where entry.msg_id = leased.msg_id;
  else
    with leased as (
      select msg_id from pgmq.q_sms_queue
      where vt > clock_timestamp()
      for update skip locked
    )
    update pgmq.q_sms_queue as entry
    set vt = clock_timestamp()
    from leased
    where entry.msg_id = leased.msg_id;
  end if;
  get diagnostics released = row_count;
  return released;
end
$$;
comment on function messaging.release_entries(text) is
  'Makes every leased entry of a queue visible again; returns how many. Harmless at any time: a '
  'job that is under way takes no notice of a second hint.';
revoke all on function messaging.release_entries(text) from public;
