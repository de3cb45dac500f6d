-- What callers call: enqueue, cancel, reschedule.

create type messaging.draft as (
  id uuid,
  recipient_phone text,
  message_content text,
  template text,
  template_id uuid,
  template_vars jsonb,
  scheduled_for timestamptz,
  priority int,
  user_id uuid,
  metadata jsonb,
  max_retries int,
  media_urls text[],
  in_doubt_policy text,
  idempotency_key text,
  retry_of uuid,
  prepared boolean,
  segments int
);
comment on type messaging.draft is
  'One item of messaging.enqueue: the columns of message_jobs, and template by its name.';

create type messaging.enqueued as ("position" int, id uuid, result text, reason text);
comment on type messaging.enqueued is
  'What became of one item: created, duplicate (of id) or refused (reason).';

-- Why a draft cannot become a message, in a sentence; null where it can.
create function messaging.why_refused(draft messaging.draft, found_template uuid) returns text
language sql
stable
return case
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
  when draft.max_retries not between 0 and 20 then 'max_retries must be from 0 to 20'
  when draft.in_doubt_policy not in ('reconcile', 'hold', 'resend', 'fail') then
    'in_doubt_policy must be reconcile, hold, resend or fail'
  when char_length(draft.idempotency_key) not between 1 and 255 then
    'idempotency_key must have 1 to 255 characters'
end;

-- Whether two spellings may be one number: a number that was prepared has gained its country code.
create function messaging.same_number(one text, other text) returns boolean
language sql
immutable
return (
  select a like '%' || b or b like '%' || a
  from (
    select
      ltrim(regexp_replace(one, '\D', '', 'g'), '0') as a,
      ltrim(regexp_replace(other, '\D', '', 'g'), '0') as b
  ) as digits
);

-- Whether an existing message says what this draft says: then the draft is a duplicate of it.
create function messaging.says_the_same(draft messaging.draft, template uuid, job public.message_jobs)
returns boolean
language sql
stable
return
  messaging.same_number(job.recipient_phone, draft.recipient_phone)
  and job.media_urls = coalesce(draft.media_urls, '{}')
  and job.template_id is not distinct from template
  and case
    when template is null then job.message_content = coalesce(draft.message_content, '')
    else coalesce(job.template_vars, '{}') = coalesce(draft.template_vars, '{}')
  end;

-- A field that no message has: a misspelt scheduled_for must not send the text at once.
create function messaging.unknown_field(item jsonb) returns text
language sql
immutable
return (
  select min(field)
  from jsonb_object_keys(
    item - array[
      'id', 'recipient_phone', 'message_content', 'template', 'template_id', 'template_vars',
      'scheduled_for', 'priority', 'user_id', 'metadata', 'max_retries', 'media_urls',
      'in_doubt_policy', 'idempotency_key', 'retry_of', 'prepared', 'segments'
    ]
  ) as field
);

-- All items in a few statements; raises where one of them breaks a constraint or a type.
create function messaging.enqueue_together(drafts jsonb) returns setof messaging.enqueued
language plpgsql
as $$
declare
  results messaging.enqueued[];
  item messaging.enqueued;
  draft messaging.draft;
  template uuid;
  twin public.message_jobs;
begin
  with items as materialized (
    select
      given.position::int as position,
      case when jsonb_typeof(given.item) = 'object' then
        jsonb_populate_record(null::messaging.draft, given.item)
      end as draft,
      case when jsonb_typeof(given.item) = 'object' then messaging.unknown_field(given.item) end
        as unknown
    from jsonb_array_elements(drafts) with ordinality as given (item, position)
  ),
  drafted as materialized (
    select
      items.position,
      items.draft,
      items.unknown,
      coalesce((items.draft).id, gen_random_uuid()) as id,
      case
        when (items.draft).template is null then by_id.id
        when (items.draft).template_id is null or by_name.id = by_id.id then by_name.id
      end as template_id
    from items
    left join public.message_templates as by_id on by_id.id = (items.draft).template_id
    left join public.message_templates as by_name on by_name.name = (items.draft).template
  ),
  judged as materialized (
    select
      drafted.*,
      case
        when drafted.draft is null then 'an item must be an object'
        when drafted.unknown is not null then format(
          '%s is no field of a message: check how it is written', drafted.unknown
        )
        else messaging.why_refused(drafted.draft, drafted.template_id)
      end as reason,
      row_number() over (
        partition by drafted.id, (drafted.draft).idempotency_key
        order by drafted.position
      ) as turn
    from drafted
  ),
  inserted as (
    insert into public.message_jobs (
      id, recipient_phone, message_content, template_id, template_vars, scheduled_for, priority,
      user_id, metadata, max_retries, media_urls, in_doubt_policy, idempotency_key, retry_of,
      prepared_at, segments
    )
    select
      judged.id,
      (judged.draft).recipient_phone,
      coalesce((judged.draft).message_content, ''),
      judged.template_id,
      (judged.draft).template_vars,
      (judged.draft).scheduled_for,
      coalesce((judged.draft).priority, 0),
      (judged.draft).user_id,
      coalesce((judged.draft).metadata, '{}'),
      coalesce((judged.draft).max_retries, 3),
      coalesce((judged.draft).media_urls, '{}'),
      (judged.draft).in_doubt_policy,
      (judged.draft).idempotency_key,
      (judged.draft).retry_of,
      case when (judged.draft).prepared then clock_timestamp() end,
      (judged.draft).segments
    from judged
    where judged.reason is null
    -- In the order of what may exist already, so that two batches never wait for each other in
    -- a circle.
    order by (judged.draft).idempotency_key, (judged.draft).id, judged.position
    on conflict do nothing
    returning id, idempotency_key
  )
  select
    array_agg(
      row(
        judged.position,
        case when judged.reason is null then judged.id end,
        case
          when judged.reason is not null then 'refused'
          when inserted.id is not null then 'created'
          else 'duplicate'
        end,
        judged.reason
      )::messaging.enqueued
      order by judged.position
    )
  into results
  from judged
  left join inserted
    on inserted.id = judged.id
    and inserted.idempotency_key is not distinct from (judged.draft).idempotency_key
    and judged.turn = 1;

  foreach item in array coalesce(results, '{}')
  loop
    if item.result = 'duplicate' then
      draft := jsonb_populate_record(null::messaging.draft, drafts -> (item.position - 1));
      select existing.* into twin
      from public.message_jobs as existing
      where
        existing.idempotency_key = draft.idempotency_key
        or existing.id = draft.id
      order by existing.idempotency_key is not distinct from draft.idempotency_key desc
      limit 1;
      select found.id into template
      from public.message_templates as found
      where found.id = draft.template_id or found.name = draft.template;
      item.id := twin.id;
      if not messaging.says_the_same(draft, template, twin) then
        item.result := 'refused';
        item.reason := case
          when twin.idempotency_key = draft.idempotency_key then format(
            'idempotency_key %L already belongs to message %s, which says something else: '
            'use a new key', draft.idempotency_key, twin.id
          )
          else format('message %s already exists and says something else', twin.id)
        end;
      end if;
    end if;
    return next item;
  end loop;
end
$$;

-- The face: one bad item never sinks the rest.
create function messaging.enqueue(drafts jsonb) returns setof messaging.enqueued
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
    return query select * from messaging.enqueue_together(drafts);
    return;
  exception
    when data_exception or integrity_constraint_violation then
      null; -- one of them cannot be stored: find out which, one by one
  end;

  for place in
    select given.position
    from jsonb_array_elements(drafts) with ordinality as given (item, position)
    order by given.item ->> 'idempotency_key', given.item ->> 'id', given.position
  loop
    begin
      select * into item
      from messaging.enqueue_together(jsonb_build_array(drafts -> (place - 1)));
    exception
      when data_exception or integrity_constraint_violation then
        get stacked diagnostics detail = pg_exception_detail;
        item := row(
          place, null, 'refused', concat_ws(': ', sqlerrm, nullif(detail, ''))
        )::messaging.enqueued;
    end;
    item.position := place;
    answers[place] := item;
  end loop;
  return query select * from unnest(answers);
end
$$;
comment on function messaging.enqueue(jsonb) is
  'Hands messages over: an array of objects with the columns of message_jobs (and template by '
  'name). Returns a row an item: created, duplicate or refused with the reason.';

-- Whether nobody has the text but us: neither a worker nor Twilio.
create function messaging.is_ours_to_cancel(job public.message_jobs) returns boolean
language sql
immutable
return job.status in ('scheduled', 'pending', 'retrying', 'held') and job.handed_over_at is null;

create function messaging.cancel(job uuid) returns text
language plpgsql
as $$
declare
  outcome text;
begin
  update public.message_jobs as j
  set
    status = case when messaging.is_ours_to_cancel(j) then 'canceled' else j.status end,
    recall = case when messaging.is_ours_to_cancel(j) then null else 'cancel' end,
    due_at = case
      when messaging.is_ours_to_cancel(j) then null
      when j.handed_over_at is not null then clock_timestamp()
      else j.due_at
    end
  where
    j.id = job
    and j.status in ('scheduled', 'pending', 'retrying', 'held', 'processing', 'in_doubt')
  returning case when j.status = 'canceled' then 'canceled' else 'canceling' end into outcome;

  if outcome is not null then
    insert into messaging.message_events (job_id, kind) values (job, outcome);
    return outcome;
  end if;

  select case j.status when 'canceled' then 'canceled' else 'too_late' end into outcome
  from public.message_jobs as j
  where j.id = job;
  return coalesce(outcome, 'not_found');
end
$$;
comment on function messaging.cancel(uuid) is
  'Stops a message that has not gone out: canceled; canceling (a worker or Twilio has it: it is '
  'dropped if it turns out not to have gone out); too_late; not_found.';

create function messaging.reschedule(job uuid, new_time timestamptz) returns text
language plpgsql
as $$
declare
  outcome text;
begin
  if new_time is null then
    raise exception 'reschedule needs a time' using errcode = 'invalid_parameter_value';
  end if;

  update public.message_jobs as j
  set
    status = 'scheduled',
    scheduled_for = new_time,
    recall = case when j.handed_over_at is null then null else 'reschedule' end,
    due_at = case when j.handed_over_at is null then new_time else clock_timestamp() end
  where
    j.id = job
    and j.status in ('scheduled', 'pending')
    and j.recall is distinct from 'cancel'
  returning case when j.handed_over_at is null then 'rescheduled' else 'rescheduling' end
  into outcome;

  if outcome is not null then
    insert into messaging.message_events (job_id, kind, details)
    values (job, outcome, jsonb_build_object('scheduled_for', new_time));
    return outcome;
  end if;

  select 'too_late' into outcome from public.message_jobs as j where j.id = job;
  return coalesce(outcome, 'not_found');
end
$$;
comment on function messaging.reschedule(uuid, timestamptz) is
  'Moves a message that has not gone out to another time: rescheduled; rescheduling (Twilio '
  'keeps it and is asked to give it back); too_late; not_found.';
