-- What may become what, defined once, and refused by a trigger otherwise. `Status` in
-- messaging/domain/job.py holds the same table; a test compares the two over every pair.

create function messaging.can_become(old text, new text) returns boolean
language sql
immutable
parallel safe
return
  old = new
  or case old
    when 'scheduled' then new in (
      'pending', 'processing', 'sent', 'failed', 'canceled', 'expired', 'suppressed'
    )
    when 'pending' then new in (
      'processing', 'scheduled', 'failed', 'sent', 'canceled', 'expired', 'suppressed'
    )
    when 'processing' then new in (
      'sent', 'failed', 'retrying', 'in_doubt', 'held', 'scheduled',
      'canceled', 'expired', 'suppressed'
    )
    when 'retrying' then new in ('pending', 'sent', 'canceled', 'expired', 'suppressed')
    when 'in_doubt' then new in ('sent', 'pending', 'scheduled', 'held', 'failed', 'canceled')
    when 'held' then new in ('sent', 'pending', 'canceled', 'failed')
    when 'failed' then new = 'sent'
    when 'canceled' then new = 'sent'
    when 'expired' then new = 'sent'
    when 'suppressed' then new = 'sent'
    else false
  end;
comment on function messaging.can_become(text, text) is
  'Whether a message in the first status may change to the second.';

create function messaging.refuse_illegal_change() returns trigger
language plpgsql
as $$
begin
  if not messaging.can_become(old.status, new.status) then
    raise exception 'message % is % and cannot become %', old.id, old.status, new.status
      using
        errcode = 'check_violation',
        hint = 'To send it again, enqueue a new message with retry_of = this id.';
  end if;
  if new.status = 'sent' and new.twilio_sid is null then
    raise exception 'message % cannot become sent without a twilio_sid', old.id
      using
        errcode = 'check_violation',
        hint = 'Only Twilio''s acceptance makes a message sent.';
  end if;
  if old.status = 'in_doubt' and new.status = 'pending' and new.doubt_resends <= old.doubt_resends
  then
    raise exception 'message % is in doubt: Twilio may have sent it', old.id
      using
        errcode = 'check_violation',
        hint = 'Leave it: Twilio is asked, and it is sent again once that is proved safe.';
  end if;
  if old.status in ('processing', 'in_doubt') and new.status = 'scheduled'
    and (new.scheduled_for > clock_timestamp()) is not true
  then
    raise exception 'message % may have been sent and cannot wait for its time again', old.id
      using errcode = 'check_violation', hint = 'Only a text for later goes back to scheduled.';
  end if;
  -- Whoever changes a status by hand need not know that due_at brings somebody to look at it.
  if new.due_at is null and new.status in (
    'scheduled', 'pending', 'processing', 'retrying', 'in_doubt'
  ) then
    new.due_at := case new.status
      when 'scheduled' then coalesce(new.scheduled_for, clock_timestamp())
      else clock_timestamp()
    end;
  end if;
  new.updated_at := clock_timestamp();
  return new;
end
$$;

create trigger message_jobs_change before update of status on public.message_jobs
for each row when (old.status is distinct from new.status)
execute function messaging.refuse_illegal_change();

-- A new row is pending or scheduled; history may be imported with a final status.
create function messaging.admit_new_job() returns trigger
language plpgsql
as $$
begin
  new.status := coalesce(new.status, 'pending');
  if new.status = 'pending' and new.scheduled_for > clock_timestamp() then
    new.status := 'scheduled';
  end if;
  if new.status in ('processing', 'retrying', 'in_doubt', 'held') then
    raise exception 'a new message cannot be %', new.status
      using
        errcode = 'check_violation',
        hint = 'Insert it as pending, or as scheduled with scheduled_for.';
  end if;
  if new.status = 'scheduled' and new.scheduled_for is null then
    raise exception 'a scheduled message needs scheduled_for'
      using errcode = 'check_violation', hint = 'Set scheduled_for, or insert it as pending.';
  end if;
  new.priority := coalesce(new.priority, 0);
  new.retry_count := coalesce(new.retry_count, 0);
  new.max_retries := coalesce(new.max_retries, 3);
  new.metadata := coalesce(new.metadata, '{}');
  new.media_urls := coalesce(new.media_urls, '{}');
  new.message_content := coalesce(new.message_content, '');
  new.created_at := coalesce(new.created_at, now());
  new.due_at := case new.status
    when 'scheduled' then new.scheduled_for
    when 'pending' then clock_timestamp()
  end;
  -- A row that is copied or imported to be sent begins its life anew.
  if new.status in ('pending', 'scheduled') then
    new.twilio_sid := null;
    new.attempt := 0;
    new.claimed_at := null;
    new.handed_over_at := null;
    new.recall := null;
    new.sent_at := null;
    new.delivery_status := null;
    new.delivered_at := null;
    new.error_code := null;
  end if;
  return new;
end
$$;

create trigger message_jobs_admit before insert on public.message_jobs
for each row execute function messaging.admit_new_job();

-- Queue entries for these jobs, and one wake-up for the bridge at commit.
create function messaging.add_entries(queue text, job_ids uuid[]) returns void
language plpgsql
as $$
begin
  if coalesce(cardinality(job_ids), 0) = 0 then
    return;
  end if;
  perform pgmq.send_batch(
    queue,
    array(select jsonb_build_object('job_id', job_id) from unnest(job_ids) as job_id)
  );
  perform pg_notify('messaging_entries', queue);
end
$$;
comment on function messaging.add_entries(text, uuid[]) is
  'Puts a queue entry for each of these jobs into the queue and wakes the bridge.';

create function messaging.queue_of(priority int) returns text
language sql
immutable
parallel safe
return case when priority > 5 then 'sms_priority_queue' else 'sms_queue' end;
comment on function messaging.queue_of(int) is 'The lane of a priority: above 5 is urgent.';

-- The entry is made in the transaction of the insert: the job is queued exactly if it exists.
-- Security definer, because whoever may insert a message need not know that there are queues.
create function messaging.queue_new_jobs() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  urgent uuid[];
  normal uuid[];
begin
  select
    array_agg(id) filter (where messaging.queue_of(priority) = 'sms_priority_queue'),
    array_agg(id) filter (where messaging.queue_of(priority) = 'sms_queue')
  into urgent, normal
  from added
  where status = 'pending';

  perform messaging.add_entries('sms_priority_queue', urgent);
  perform messaging.add_entries('sms_queue', normal);
  return null;
end
$$;

create trigger message_jobs_queue after insert on public.message_jobs
referencing new table as added
for each statement execute function messaging.queue_new_jobs();

create function messaging.refuse_journal_change() returns trigger
language plpgsql
as $$
begin
  raise exception 'the journal is append-only'
    using errcode = 'check_violation', hint = 'Append another event instead.';
end
$$;

create trigger message_events_append_only before update on messaging.message_events
for each row execute function messaging.refuse_journal_change();
