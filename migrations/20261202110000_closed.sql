-- What a row of message_jobs may be, and who may write what the service itself writes.
--
-- The conditions are the triggers' own, read once, here. In the bodies of functions, names and
-- operators would be looked up in the search_path of whoever inserts.

-- What no message needs is refused before anybody reads it. The names of these triggers come before
-- message_jobs_a_clock. Each condition looks at sizes and times only: a longer text costs no more.
create function messaging.refuse_beyond_bounds() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  reason text := case
    when octet_length(new.recipient_phone) > 500 then
      'recipient_phone has more than 500 bytes: no phone number is that long'
    when octet_length(new.time_zone) > 100 then
      'time_zone has more than 100 bytes: give a name such as Europe/Berlin'
    when octet_length(new.idempotency_key) > 1020 then
      'idempotency_key has more than 1,020 bytes: give at most 255 characters'
    when octet_length(new.metadata::text) > 100000 then
      'metadata has more than 100,000 bytes: keep it elsewhere, and its id here'
    when octet_length(new.template_vars::text) > 100000 then
      'template_vars have more than 100,000 bytes: give what the template prints'
    when octet_length(new.media_urls::text) > 100000 then
      'media_urls have more than 100,000 bytes: give at most 10, each of at most 2,048 characters'
    when new.scheduled_for not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00' then
      'scheduled_for must be between the years 1970 and 9998'
    when new.expires_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00' then
      'expires_at must be between the years 1970 and 9998'
    when new.local_time not between '1970-01-01 00:00:00' and '9998-01-01 00:00:00' then
      'local_time must be between the years 1970 and 9997'
    when new.created_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00' then
      'created_at must be between the years 1970 and 9998'
    when new.sent_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00' then
      'sent_at must be between the years 1970 and 9998'
    when new.delivered_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00' then
      'delivered_at must be between the years 1970 and 9998'
  end;
begin
  if reason is not null then
    raise exception '%', reason
      using errcode = 'check_violation', hint = 'docs/reference/sql.md has the bounds of each column.';
  end if;
  return new;
end
$$;

-- A text of 100,000 bytes takes more than 16,000 as jsonb, where every sign may be six as text.
create trigger message_jobs_a_bounds before insert on public.message_jobs
for each row when (
  octet_length(new.recipient_phone) > 500
  or octet_length(new.time_zone) > 100
  or octet_length(new.idempotency_key) > 1020
  or pg_column_size(new.metadata) > 16000
  or pg_column_size(new.template_vars) > 16000
  or pg_column_size(new.media_urls) > 16000
  or new.scheduled_for not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
  or new.expires_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
  or new.local_time not between '1970-01-01 00:00:00' and '9998-01-01 00:00:00'
  or new.created_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
  or new.sent_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
  or new.delivered_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
)
execute function messaging.refuse_beyond_bounds();

-- These looked at every change of a row from before as well, which then could not even be erased.
alter table public.message_jobs
  drop constraint message_jobs_scheduled_for,
  drop constraint message_jobs_expires_at;

-- Only what is changed: rows from before keep what they have, and can be erased.
create trigger message_jobs_a_bounds_kept before update of
  recipient_phone, time_zone, idempotency_key, metadata, template_vars, media_urls, scheduled_for, expires_at
on public.message_jobs
for each row when (
  new.recipient_phone is distinct from old.recipient_phone
    and octet_length(new.recipient_phone) > 500
  or new.time_zone is distinct from old.time_zone and octet_length(new.time_zone) > 100
  or new.idempotency_key is distinct from old.idempotency_key
    and octet_length(new.idempotency_key) > 1020
  or new.metadata is distinct from old.metadata and pg_column_size(new.metadata) > 16000
  or new.template_vars is distinct from old.template_vars
    and pg_column_size(new.template_vars) > 16000
  or new.media_urls is distinct from old.media_urls and pg_column_size(new.media_urls) > 16000
  or new.scheduled_for is distinct from old.scheduled_for
    and new.scheduled_for not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
  or new.expires_at is distinct from old.expires_at
    and new.expires_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
)
execute function messaging.refuse_beyond_bounds();

-- Who may insert and no more hands messages over. What the service writes, it does not write: a forged
-- prepared_at would send a text that nobody has checked, a forged content_key hold up another's.
-- Security invoker: it asks what the role of the insert may see.
create function messaging.admit_stranger() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.status not in ('pending', 'scheduled') then
    raise exception 'a message that is handed over is pending or scheduled, not %', new.status
      using
        errcode = 'check_violation',
        hint = 'Only who may update all of message_jobs imports history.';
  end if;
  if new.retry_of is not null then
    begin
      if not exists (select from public.message_jobs as before where before.id = new.retry_of) then
        raise insufficient_privilege;
      end if;
    exception
      when insufficient_privilege then
        raise exception 'retry_of names a message that % may not read', current_user
          using errcode = 'check_violation', hint = 'Leave it out: the text goes out all the same.';
    end;
  end if;
  new.status := case when new.scheduled_for > clock_timestamp() then 'scheduled' else 'pending' end;
  new.due_at := case
    when new.status = 'scheduled' then new.scheduled_for
    else clock_timestamp()
  end;
  new.created_at := now();
  new.updated_at := now();
  new.prepared_at := null;
  new.segments := null;
  new.retry_count := 0;
  new.carrier_retries := 0;
  new.attempt := 0;
  new.claimed_at := null;
  new.clean_reads := 0;
  new.doubt_resends := 0;
  new.handed_over_at := null;
  new.recall := null;
  new.twilio_sid := null;
  new.sent_at := null;
  new.delivery_status := null;
  new.delivered_at := null;
  new.error_code := null;
  new.error_details := null;
  new.idempotency_expires_at := null;
  new.content_key := null;
  new.acknowledged_at := null;
  new.hurried_at := null;
  new.zone_version := null;
  new.template_version := null;
  new.opt_out_line := null;
  return new;
end
$$;

-- After message_jobs_admit, by its name, and before what looks at deadlines and templates.
create trigger message_jobs_admit_stranger before insert on public.message_jobs
for each row when (
  row_security_active('public.message_jobs'::regclass)
  or not has_table_privilege('public.message_jobs'::regclass, 'update')
)
execute function messaging.admit_stranger();

-- As it was, but that a time on a clock has bounds.
create or replace function messaging.check_clock(draft jsonb) returns void
language plpgsql
as $$
declare
  problem text;
begin
  problem := case
    when jsonb_typeof(draft) <> 'object' then null
    when draft ->> 'category' not in ('transactional', 'marketing') then
      'category must be transactional or marketing'
    when octet_length(draft ->> 'time_zone') > 100 then
      'time_zone has more than 100 bytes: give a name such as Europe/Berlin'
    when draft ->> 'local_time' is null then null
    when draft ->> 'time_zone' is null then 'local_time needs time_zone: give both'
    when draft ->> 'scheduled_for' is not null then
      'both scheduled_for and local_time are given: give one of them'
    when draft ->> 'local_time' ~ '(Z|[+-]\d\d(:?\d\d)?)$' and draft ->> 'local_time' ~ ':' then
      'local_time has a zone of its own: give the time alone, or scheduled_for'
    when (draft ->> 'local_time')::timestamp
      not between '1970-01-01 00:00:00' and '9998-01-01 00:00:00'
    then 'local_time must be between the years 1970 and 9997'
  end;
  if problem is not null then
    raise exception '%', problem using errcode = 'check_violation';
  end if;
  -- Raises for a zone that Postgres does not know.
  perform now() at time zone (draft ->> 'time_zone');
end
$$;

-- As they were, but that a number is measured before it is read.
create or replace function messaging.why_refused(draft messaging.draft, found_template uuid)
returns text
language sql
stable
return case
  when octet_length(draft.recipient_phone) > 500 then
    'recipient_phone has more than 500 bytes: no phone number is that long'
  when btrim(coalesce(draft.recipient_phone, '')) = '' then
    'recipient_phone is missing: give the number to text, with + and country code'
  when length(regexp_replace(draft.recipient_phone, '\D', '', 'g')) not between 5 and 17 then
    'recipient_phone is not a phone number: write it with + and country code'
  when
    draft.template is not null and draft.template_id is not null and found_template is null
  then 'template and template_id do not name one and the same template: give one of them'
  when draft.template is not null and found_template is null then
    format('there is no template named %L: insert it into message_templates first', draft.template)
  when draft.template_id is not null and found_template is null then
    format('there is no template with id %s', draft.template_id)
  when
    coalesce(draft.message_content, '') = ''
    and found_template is null
    and coalesce(cardinality(draft.media_urls), 0) = 0
  then 'message_content is missing: give a text, a template or media_urls'
  when char_length(draft.message_content) > 1600 then
    format(
      'message_content has %s characters: Twilio takes at most 1600',
      char_length(draft.message_content)
    )
  when cardinality(draft.media_urls) > 10 then
    format('media_urls has %s entries: Twilio takes at most 10', cardinality(draft.media_urls))
  when draft.scheduled_for not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00' then
    'scheduled_for must be between the years 1970 and 9998'
  when draft.expires_at not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00' then
    'expires_at must be between the years 1970 and 9998'
  when draft.expires_at <= draft.scheduled_for then
    'expires_at must be after scheduled_for: it could never be sent'
  when draft.expires_in not between interval '1 second' and interval '10 years' then
    'expires_in must be from a second to ten years'
  when draft.max_carrier_retries not between 0 and 3 then 'max_carrier_retries must be from 0 to 3'
  when draft.max_retries not between 0 and 20 then 'max_retries must be from 0 to 20'
  when draft.in_doubt_policy not in ('reconcile', 'hold', 'resend', 'fail') then
    'in_doubt_policy must be reconcile, hold, resend or fail'
  when char_length(draft.idempotency_key) not between 1 and 255 then
    'idempotency_key must have 1 to 255 characters'
  when draft.idempotency_ttl not between interval '1 second' and interval '10 years' then
    'idempotency_ttl must be from a second to ten years'
  when draft.dedupe_window not between interval '0' and interval '1 year' then
    'dedupe_window must be from 0 to a year'
  else messaging.why_not_there(draft.recipient_phone)
end;

create or replace function messaging.digits(phone text) returns text
language sql
immutable
return ltrim(regexp_replace(left(phone, 500), '\D', '', 'g'), '0');

-- As it was, but that an answer quotes no more of what was given than people read.
create or replace function messaging.enqueue(drafts jsonb) returns setof messaging.enqueued
language plpgsql
as $$
declare
  place int;
  item messaging.enqueued;
  answers messaging.enqueued[];
  detail text;
begin
  if jsonb_typeof(drafts) = 'object' then
    drafts := jsonb_build_array(drafts);
  end if;
  if jsonb_typeof(drafts) is distinct from 'array' then
    raise exception 'messaging.enqueue takes a JSON array of messages'
      using errcode = 'invalid_parameter_value',
      hint = '[{"recipient_phone": "+15555550100", "message_content": "Hello"}]';
  end if;

  begin
    return query
    select answer.position, answer.id, answer.result, left(answer.reason, 500)
    from messaging.enqueue_by_clock(drafts) as answer;
    return;
  exception
    when data_exception or integrity_constraint_violation then
      null; -- one of them cannot be stored: find out which, one by one
  end;

  for place in
    select given.position
    from jsonb_array_elements(drafts) with ordinality as given (item, position)
    order by
      given.item ->> 'idempotency_key',
      case when given.item ->> 'dedupe_window' is not null then
        messaging.digits(given.item ->> 'recipient_phone')
      end,
      case when given.item ->> 'dedupe_window' is not null then
        given.item ->> 'message_content'
      end,
      given.item ->> 'id',
      given.position
  loop
    begin
      select * into item
      from messaging.enqueue_by_clock(jsonb_build_array(drafts -> (place - 1)));
    exception
      when data_exception or integrity_constraint_violation then
        get stacked diagnostics detail = pg_exception_detail;
        item := row(
          place, null, 'refused', concat_ws(': ', sqlerrm, nullif(detail, ''))
        )::messaging.enqueued;
    end;
    item.position := place;
    item.reason := left(item.reason, 500);
    answers[place] := item;
  end loop;
  return query select * from unnest(answers);
end
$$;

-- Who is signed in, PostgREST says, in a setting of the session that any other role sets as it likes: a
-- role that was granted select and nothing else could have read each user's messages.
do $$
begin
  if exists (select from pg_roles where rolname = 'authenticated') then
    alter policy message_jobs_own on public.message_jobs to authenticated;
  end if;
end
$$;

revoke all on function messaging.refuse_beyond_bounds(), messaging.admit_stranger() from public;
