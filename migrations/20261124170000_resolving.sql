-- What a person decides: held messages, and jobs that a comparison with Twilio cannot tell apart.

alter table public.message_templates
  add column if not exists in_doubt_policy text;
alter table public.message_templates
  add constraint message_templates_in_doubt_policy check (
    in_doubt_policy in ('reconcile', 'hold', 'resend', 'fail')
  );
comment on column public.message_templates.in_doubt_policy is
  'reconcile, hold, resend or fail, for messages without one of their own; null for the '
  'installation''s default.';

-- Two things are new: what waits may be held (after a restore, its text may be out), and what is
-- held may wait for its time again.
create or replace function messaging.can_become(old text, new text) returns boolean
language sql
immutable
parallel safe
return
  old = new
  or case old
    when 'scheduled' then new in (
      'pending', 'processing', 'sent', 'failed', 'held', 'canceled', 'expired', 'suppressed'
    )
    when 'pending' then new in (
      'processing', 'scheduled', 'failed', 'sent', 'held', 'canceled', 'expired', 'suppressed'
    )
    when 'processing' then new in (
      'sent', 'failed', 'retrying', 'in_doubt', 'held', 'scheduled',
      'canceled', 'expired', 'suppressed'
    )
    when 'retrying' then new in (
      'pending', 'sent', 'held', 'canceled', 'expired', 'suppressed'
    )
    when 'in_doubt' then new in ('sent', 'pending', 'scheduled', 'held', 'failed', 'canceled')
    when 'held' then new in ('sent', 'pending', 'scheduled', 'canceled', 'failed')
    when 'failed' then new = 'sent'
    when 'canceled' then new = 'sent'
    when 'expired' then new = 'sent'
    when 'suppressed' then new = 'sent'
    else false
  end;

create or replace function messaging.refuse_illegal_change() returns trigger
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
  -- The journal has the act before the change: messaging.resolve writes it.
  if old.status = 'held' and new.status in ('pending', 'scheduled') and not exists (
    select from messaging.message_events as act
    where
      act.job_id = old.id
      and act.kind = 'resolved'
      and act.attempt = old.attempt
      and act.details ->> 'decision' = 'resend'
  ) then
    raise exception 'message % is held: Twilio may have sent it', old.id
      using
        errcode = 'check_violation',
        hint = 'Decide with messaging.resolve(id, ''resend''), which writes it into the journal.';
  end if;
  if old.status in ('processing', 'in_doubt', 'held') and new.status = 'scheduled'
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

-- Security definer, because whoever may decide need not know that there are queues.
create function messaging.resolve_as(by_whom text, job uuid, decision text, sid text default null)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  was public.message_jobs;
  allowed boolean;
  became text;
begin
  if decision is null or decision not in ('sent', 'resend', 'cancel') then
    raise exception 'a message cannot be resolved as %', coalesce(quote_literal(decision), 'null')
      using errcode = 'invalid_parameter_value', hint = 'Decide: sent, resend or cancel.';
  end if;
  if decision <> 'sent' and sid is not null then
    raise exception 'only a message that was sent has a SID of Twilio''s'
      using errcode = 'invalid_parameter_value', hint = 'Leave the SID out, or decide: sent.';
  end if;
  if decision = 'sent' and coalesce(sid, '') = '' then
    return 'sid_missing';
  end if;
  if decision = 'sent' and sid !~ '^(SM|MM)[0-9a-fA-F]{32}$' then
    return 'sid_invalid';
  end if;

  select * into was from public.message_jobs as j where j.id = job for update;
  if not found then
    return 'not_found';
  end if;
  -- A second time is no second act.
  if decision = 'sent' and was.status = 'sent' and was.twilio_sid = sid then
    return 'sent';
  end if;
  if decision = 'cancel' and was.status = 'canceled' then
    return 'canceled';
  end if;
  allowed := case decision
    when 'sent' then
      was.status in ('held', 'in_doubt', 'failed', 'canceled', 'expired', 'suppressed')
    when 'resend' then was.status = 'held'
    else was.status in ('held', 'in_doubt')
  end;
  if not allowed then
    return 'not_held';
  end if;
  if exists (
    select from public.message_jobs as other where other.twilio_sid = sid and other.id <> job
  ) then
    return 'sid_taken';
  end if;

  became := case
    when decision = 'sent' then 'sent'
    when decision = 'cancel' then 'canceled'
    when was.scheduled_for > clock_timestamp() then 'scheduled'
    else 'pending'
  end;
  begin
    insert into messaging.message_events (job_id, kind, attempt, twilio_sid, details)
    values (
      job, 'resolved', was.attempt, sid,
      jsonb_build_object(
        'decision', decision, 'was', was.status, 'status', became,
        'by', left(coalesce(nullif(btrim(by_whom), ''), session_user), 100)
      )
    );

    update public.message_jobs as j
    set
      status = became,
      twilio_sid = coalesce(sid, j.twilio_sid),
      sent_at = case when became = 'sent' then clock_timestamp() else j.sent_at end,
      due_at = case became
        when 'scheduled' then j.scheduled_for
        when 'pending' then clock_timestamp()
      end,
      -- A person has looked: doubt begins anew, or the next one would hold it at once.
      doubt_resends = case when decision = 'resend' then 0 else j.doubt_resends end,
      clean_reads = 0,
      error_code = case when decision = 'cancel' then j.error_code end,
      error_details = case when decision = 'cancel' then j.error_details end,
      handed_over_at = null,
      recall = null
    where j.id = job;
  exception
    when unique_violation then
      return 'sid_taken'; -- another message got it in this very moment
  end;

  if became = 'pending' then
    perform messaging.add_entries(messaging.queue_of(was.priority), array[job]);
  end if;
  return became;
end
$$;
comment on function messaging.resolve_as(text, uuid, text, text) is
  'messaging.resolve, and the name of the person who decides, for the journal.';

create function messaging.resolve(job uuid, decision text, sid text default null) returns text
language sql
volatile
return messaging.resolve_as(current_user::text, job, decision, sid);
comment on function messaging.resolve(uuid, text, text) is
  'A person decides about a message: sent (with the SID that Twilio has), resend or cancel. '
  'Answers: sent; pending, or scheduled where its time is still to come (it is sent again); '
  'canceled; not_found; not_held (its status does not allow it); sid_missing; sid_invalid; '
  'sid_taken (another message has it).';

create view messaging.held_messages with (security_invoker) as
select
  id,
  user_id,
  status,
  updated_at as since,
  attempt,
  recipient_phone,
  priority,
  scheduled_for,
  error_details ->> 'message' as reason,
  due_at,
  created_at
from public.message_jobs
where
  status in ('held', 'in_doubt')
  and (status = 'held' or updated_at < now() - interval '10 minutes');
comment on view messaging.held_messages is
  'Messages that wait for a person, and those that have been in doubt for more than ten minutes.';

revoke all on function messaging.resolve(uuid, text, text) from public;
revoke all on function messaging.resolve_as(text, uuid, text, text) from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'service_role') then
    grant execute on function messaging.resolve(uuid, text, text) to service_role;
    grant execute on function messaging.resolve_as(text, uuid, text, text) to service_role;
    grant select on messaging.held_messages to service_role;
  end if;
end
$$;
