-- Deadlines: through every door, wherever a text waits. What cannot be sent in time becomes expired, also
-- while no worker is there; what is about to expire overtakes what has all day.

alter table public.message_jobs
  add column hurried_at timestamptz,
  add column max_carrier_retries int,
  add column carrier_retries int not null default 0,
  add constraint message_jobs_expires_at check (
    expires_at between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
  ) not valid,
  add constraint message_jobs_max_carrier_retries check (max_carrier_retries between 0 and 3)
  not valid;

comment on column public.message_jobs.hurried_at is
  'When it got a place in the urgent queue because its deadline was near.';
comment on column public.message_jobs.max_carrier_retries is
  'How often it may be sent again after the carrier could not deliver it, each time as a new message; '
  'null for the installation''s default.';
comment on column public.message_jobs.carrier_retries is
  'How often it has been sent again for that already: of a new message, one more than of the one before.';

-- serves: expire, hurry; what has no deadline is not in it
create index message_jobs_expires on public.message_jobs (expires_at)
where expires_at is not null and status in ('scheduled', 'pending', 'retrying');

alter type messaging.draft add attribute expires_at timestamptz;
alter type messaging.draft add attribute expires_in interval;
alter type messaging.draft add attribute max_carrier_retries int;

-- One thing is new: what is in doubt and turns out unsent may have expired.
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
    when 'in_doubt' then new in (
      'sent', 'pending', 'scheduled', 'held', 'failed', 'canceled', 'expired'
    )
    when 'held' then new in ('sent', 'pending', 'scheduled', 'canceled', 'failed')
    when 'failed' then new = 'sent'
    when 'canceled' then new = 'sent'
    when 'expired' then new = 'sent'
    when 'suppressed' then new = 'sent'
    else false
  end;

-- A row that cannot be sent in time is stored as what it is: nobody need look at it again.
create function messaging.expire_new_job() returns trigger
language plpgsql
as $$
begin
  if new.status in ('pending', 'scheduled')
    and new.expires_at <= greatest(clock_timestamp(), new.scheduled_for)
  then
    new.status := 'expired';
    new.due_at := null;
    new.error_details := '{"message": "Its deadline had passed when it was handed over."}';
  end if;
  return new;
end
$$;

-- After message_jobs_admit, by its name: that one says what is pending.
create trigger message_jobs_expired before insert on public.message_jobs
for each row when (new.expires_at is not null)
execute function messaging.expire_new_job();

create function messaging.expire(most int default 1000) returns int
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  expired int;
begin
  with late as materialized (
    select id, status
    from public.message_jobs
    where
      status in ('scheduled', 'pending', 'retrying')
      and expires_at <= statement_timestamp()
      -- Twilio keeps it: its receipts tell what becomes of it.
      and handed_over_at is null
    order by expires_at
    limit most
    for update skip locked
  ),
  ended as (
    update public.message_jobs as j
    set
      status = 'expired',
      due_at = null,
      recall = null,
      error_details = '{"message": "Its deadline passed before it could be sent."}'
    from late
    where j.id = late.id
    returning j.id, j.attempt, late.status as was
  )
  insert into messaging.message_events (job_id, kind, attempt, details)
  select id, 'expired', nullif(attempt, 0), jsonb_build_object('status', 'expired', 'was', was)
  from ended;
  get diagnostics expired = row_count;
  return expired;
end
$$;
comment on function messaging.expire(int) is
  'Ends waiting messages whose deadline has passed; returns how many. Their queue entries go when the '
  'bridge comes to them.';

create function messaging.hurry(within interval, most int) returns int
language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  hurried uuid[];
begin
  with soon as materialized (
    select id
    from public.message_jobs
    where
      status = 'pending'
      and expires_at > statement_timestamp()
      and expires_at <= statement_timestamp() + within
      and messaging.queue_of(priority) = 'sms_queue'
      -- One that waits for a retry since comes once more.
      and coalesce(hurried_at < due_at, true)
    order by expires_at
    -- What is urgent by itself waits for no more than these.
    limit greatest(
      0, most - (select count(*) from (select from pgmq.q_sms_priority_queue limit most) as ahead)
    )
    for update skip locked
  ),
  told as (
    update public.message_jobs as j
    set hurried_at = clock_timestamp()
    from soon
    where j.id = soon.id
    returning j.id
  )
  select array_agg(id) into hurried from told;

  perform messaging.add_entries('sms_priority_queue', hurried);
  return coalesce(cardinality(hurried), 0);
end
$$;
comment on function messaging.hurry(interval, int) is
  'Gives waiting messages that expire so soon a place in the urgent queue, the next to expire first, and '
  'no more than that queue has room for; returns how many.';

-- A message that is moved keeps its deadline, and is not moved beyond it.
create or replace function messaging.reschedule(job uuid, new_time timestamptz) returns text
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
    and (j.expires_at <= new_time) is not true
  returning case when j.handed_over_at is null then 'rescheduled' else 'rescheduling' end
  into outcome;

  if outcome is not null then
    insert into messaging.message_events (job_id, kind, details)
    values (job, outcome, jsonb_build_object('scheduled_for', new_time));
    return outcome;
  end if;

  select
    case
      when j.status in ('scheduled', 'pending') and j.expires_at <= new_time then 'past_deadline'
      else 'too_late'
    end
  into outcome
  from public.message_jobs as j
  where j.id = job;
  return coalesce(outcome, 'not_found');
end
$$;
comment on function messaging.reschedule(uuid, timestamptz) is
  'Moves a message that has not gone out to another time: rescheduled; rescheduling (Twilio '
  'keeps it and is asked to give it back); past_deadline (it would expire before); too_late; '
  'not_found.';

-- As it was: what the review withheld was not sent either.
create or replace function messaging.is_proof(event messaging.message_events) returns boolean
language sql
immutable
return case event.kind
  when 'settled' then coalesce(
    event.details ->> 'answer' in (
      'rejected', 'not sent', 'handover refused', 'not handed over', 'withheld'
    ),
    false
  )
  when 'reconciled' then coalesce(event.details ->> 'reason' = 'not at Twilio', false)
  when 'resolved' then coalesce(event.details ->> 'decision' = 'resend', false)
  else false
end;

-- As it was, with deadlines: what is past its own is not replayed, and a replay has the same one.
create or replace function messaging.why_not_replayed(job public.message_jobs, again boolean) returns text
language sql
stable
return case
  when job.status = 'held' then 'held'
  when job.status = 'in_doubt' then 'in_doubt'
  when job.status = 'sent' then 'sent'
  when job.status = 'expired' or job.status = 'failed' and job.expires_at <= statement_timestamp()
    then 'past_deadline'
  when job.status in ('canceled', 'suppressed') then 'not_failed'
  when job.status <> 'failed' then 'not_ended'
  when messaging.may_be_out(job) then 'may_be_out'
  when exists (
    select
    from messaging.replays_of(job.id) as replay (id)
    join public.message_jobs as later on later.id = replay.id
    where messaging.may_be_out(later)
  ) then 'replay_may_be_out'
  when not again and exists (
    select from public.message_jobs as later where later.retry_of = job.id
  ) then 'replayed_before'
end;

create or replace function messaging.replay_judged(who text, judged messaging.replay[])
returns messaging.replay[]
language plpgsql
as $$
declare
  seen messaging.replaying[];
  done messaging.replay[];
begin
  -- What the window knows of a text goes over to its replay: a key has one holder at a time.
  seen := array(
    select row(j.id, messaging.new_id(), j.content_key)::messaging.replaying
    from unnest(judged) as one
    join public.message_jobs as j on j.id = one.id
    where one.result = 'replayed'
    order by j.updated_at, j.id
  );
  update public.message_jobs as j
  set acknowledged_at = clock_timestamp(), content_key = null
  from unnest(seen) as chosen
  where j.id = chosen.id;

  with inserted as (
    insert into public.message_jobs (
      id, retry_of, user_id, recipient_phone, message_content, template_id, template_vars,
      media_urls, scheduled_for, priority, max_retries, metadata, in_doubt_policy, prepared_at,
      segments, content_key, expires_at, max_carrier_retries
    )
    select
      chosen.new_id, j.id, j.user_id, j.recipient_phone, j.message_content, j.template_id,
      j.template_vars, j.media_urls, j.scheduled_for, j.priority, j.max_retries, j.metadata,
      j.in_doubt_policy, j.prepared_at, j.segments, chosen.content_key, j.expires_at,
      j.max_carrier_retries
    from unnest(seen) as chosen
    join public.message_jobs as j on j.id = chosen.id
    returning id, retry_of
  ),
  journal as (
    insert into messaging.message_events (job_id, kind, details)
    select told.job_id, told.kind, told.details || jsonb_build_object('by', who)
    from inserted
    cross join lateral (
      values
        (inserted.retry_of, 'replayed', jsonb_build_object('as', inserted.id)),
        (inserted.id, 'replay', jsonb_build_object('of', inserted.retry_of))
    ) as told (job_id, kind, details)
    returning 1
  )
  select
    array_agg(
      row(one.id, one.result, coalesce(inserted.id, one.new_id), one.reason)::messaging.replay
      order by one.turn
    )
  into done
  from unnest(judged) with ordinality as one (id, result, new_id, reason, turn)
  left join inserted on inserted.retry_of = one.id and one.result = 'replayed';
  return coalesce(done, '{}');
end
$$;

-- The doors, as they were, with expires_at, expires_in, max_carrier_retries and destinations. What expires in so
-- long does so from when it is to be sent.
create or replace function messaging.why_refused(draft messaging.draft, found_template uuid)
returns text
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

create or replace function messaging.unknown_field(item jsonb) returns text
language sql
immutable
return (
  select min(field)
  from jsonb_object_keys(
    item - array[
      'id', 'recipient_phone', 'message_content', 'template', 'template_id', 'template_vars',
      'scheduled_for', 'priority', 'user_id', 'metadata', 'max_retries', 'media_urls',
      'in_doubt_policy', 'idempotency_key', 'retry_of', 'prepared', 'segments',
      'idempotency_ttl', 'dedupe_window', 'expires_at', 'expires_in', 'max_carrier_retries'
    ]
  ) as field
);

create or replace function messaging.enqueue_together(drafts jsonb) returns setof messaging.enqueued
language plpgsql
as $$
declare
  answers messaging.enqueued[];
  item messaging.enqueued;
  draft messaging.draft;
  template uuid;
  content uuid;
  twin public.message_jobs;
  again int[] := '{}';
  holders uuid[] := '{}';
  keys text[] := '{}';
  contents uuid[] := '{}';
  windows interval[] := '{}';
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
      coalesce((items.draft).id, messaging.new_id()) as id,
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
      messaging.content_key(drafted.draft, drafted.template_id) as content_key,
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
      user_id, metadata, max_retries, media_urls, in_doubt_policy, idempotency_key,
      idempotency_expires_at, content_key, retry_of, prepared_at, segments, expires_at,
      max_carrier_retries
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
      case when (judged.draft).idempotency_key is not null then
        now() + coalesce((judged.draft).idempotency_ttl, interval '30 days')
      end,
      judged.content_key,
      (judged.draft).retry_of,
      case when (judged.draft).prepared then clock_timestamp() end,
      (judged.draft).segments,
      coalesce(
        (judged.draft).expires_at,
        greatest(now(), (judged.draft).scheduled_for) + (judged.draft).expires_in
      ),
      (judged.draft).max_carrier_retries
    from judged
    where judged.reason is null
    -- In the order of what may exist already, so that two batches never wait for each other in
    -- a circle. Every way to hand over has the same one.
    order by
      (judged.draft).idempotency_key,
      case when judged.content_key is not null then
        messaging.digits((judged.draft).recipient_phone)
      end,
      case when judged.content_key is not null then (judged.draft).message_content end,
      (judged.draft).id,
      judged.position
    on conflict do nothing
    returning id, idempotency_key, content_key
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
  into answers
  from judged
  left join inserted
    on inserted.id = judged.id
    and inserted.idempotency_key is not distinct from (judged.draft).idempotency_key
    and inserted.content_key is not distinct from judged.content_key
    and judged.turn = 1;

  foreach item in array coalesce(answers, '{}')
  loop
    continue when item.result <> 'duplicate';
    draft := jsonb_populate_record(null::messaging.draft, drafts -> (item.position - 1));
    select found.id into template
    from public.message_templates as found
    where found.id = draft.template_id or found.name = draft.template;
    content := messaging.content_key(draft, template);
    select existing.* into twin
    from public.message_jobs as existing
    where
      existing.idempotency_key = draft.idempotency_key
      or existing.id = draft.id
      or existing.content_key = content
    order by
      coalesce(existing.idempotency_key = draft.idempotency_key, false) desc,
      coalesce(existing.id = draft.id, false) desc
    limit 1;
    if messaging.may_have_another(twin, draft.id, draft.idempotency_key, draft.dedupe_window) then
      again := again || item.position;
      holders := holders || twin.id;
      keys := keys || draft.idempotency_key;
      contents := contents || content;
      windows := windows || draft.dedupe_window;
      continue;
    end if;
    item.id := twin.id;
    if not messaging.says_the_same(draft, template, twin)
      and (twin.id = draft.id or twin.idempotency_key = draft.idempotency_key)
    then
      item.result := 'refused';
      item.reason := messaging.why_another(twin, draft.idempotency_key);
    end if;
    answers[item.position] := item;
  end loop;

  if cardinality(again) > 0 then
    perform messaging.release_keys(holders, keys, contents, windows);
    for item in
      select (again)[answer.position], answer.id, answer.result, answer.reason
      from messaging.enqueue_together(
        (
          select jsonb_agg(drafts -> (place.position - 1) order by place.turn)
          from unnest(again) with ordinality as place (position, turn)
        )
      ) as answer
    loop
      answers[item.position] := item;
    end loop;
  end if;
  return query select * from unnest(answers);
end
$$;

-- Callers from before give none of the three.
drop function messaging.enqueue_prepared;

create function messaging.enqueue_prepared(
  ids uuid[],
  user_ids uuid[],
  recipient_phones text[],
  message_contents text[],
  template_ids uuid[],
  template_variables text[],
  times text[],
  priorities int[],
  retries int[],
  notes text[],
  media text[],
  in_doubt_policies text[],
  idempotency_keys text[],
  segment_counts int[],
  key_lifetimes text[] default null,
  dedupe_windows text[] default null,
  deadlines text[] default null,
  lifetimes text[] default null,
  carrier_retries int[] default null
) returns setof messaging.enqueued
language plpgsql
as $$
declare
  answers messaging.enqueued[];
  told messaging.enqueued[];
  again int[];
  chunk record;
begin
  begin
    with items as (
      select
        item.*,
        item.id is null
        or lag(item.id) over ranking is distinct from item.id
        or lag(item.idempotency_key) over ranking is distinct from item.idempotency_key
          as is_first
      from unnest(
        ids, user_ids, recipient_phones, message_contents, template_ids, template_variables, times,
        priorities, retries, notes, media, in_doubt_policies, idempotency_keys, segment_counts,
        key_lifetimes, dedupe_windows, deadlines, lifetimes, carrier_retries
      ) with ordinality as item (
        id, user_id, recipient_phone, message_content, template_id, template_vars, scheduled_for,
        priority, max_retries, metadata, media_urls, in_doubt_policy, idempotency_key, segments,
        idempotency_ttl, dedupe_window, deadline, lifetime, max_carrier_retries, position
      )
      window ranking as (order by item.idempotency_key, item.id, item.position)
    ),
    drafted as materialized (
      select
        items.position,
        items.is_first,
        items.id as given_id,
        coalesce(items.id, messaging.new_id()) as id,
        items.user_id,
        items.recipient_phone,
        items.message_content,
        items.template_id,
        case when items.template_id is not null then (
          select found.id from public.message_templates as found where found.id = items.template_id
        ) end as found_template,
        items.template_vars::jsonb as template_vars,
        items.scheduled_for::timestamptz as scheduled_for,
        items.priority,
        items.max_retries,
        items.metadata::jsonb as metadata,
        items.media_urls::text[] as media_urls,
        items.in_doubt_policy,
        items.idempotency_key,
        items.segments,
        items.idempotency_ttl::interval as idempotency_ttl,
        items.dedupe_window::interval as dedupe_window,
        coalesce(
          items.deadline::timestamptz,
          greatest(now(), items.scheduled_for::timestamptz) + items.lifetime::interval
        ) as expires_at,
        items.max_carrier_retries
      from items
    ),
    judged as materialized (
      select
        drafted.*,
        messaging.why_refused(
          row(
            drafted.id, drafted.recipient_phone, drafted.message_content, null,
            drafted.template_id, drafted.template_vars, drafted.scheduled_for, drafted.priority,
            drafted.user_id, drafted.metadata, drafted.max_retries, drafted.media_urls,
            drafted.in_doubt_policy, drafted.idempotency_key, null, true, drafted.segments,
            drafted.idempotency_ttl, drafted.dedupe_window, drafted.expires_at,
            null, drafted.max_carrier_retries
          )::messaging.draft,
          drafted.found_template
        ) as reason,
        case when drafted.dedupe_window is not null then
          messaging.content_key(
            row(
              null, drafted.recipient_phone, drafted.message_content, null, null, null,
              drafted.scheduled_for, null, drafted.user_id, null, null, drafted.media_urls, null,
              null, null, true, null, null, drafted.dedupe_window, null, null,
              null
            )::messaging.draft,
            null
          )
        end as content_key
      from drafted
    ),
    inserted as (
      insert into public.message_jobs (
        id, recipient_phone, message_content, template_id, template_vars, scheduled_for, priority,
        user_id, metadata, max_retries, media_urls, in_doubt_policy, idempotency_key,
        idempotency_expires_at, content_key, prepared_at, segments, expires_at,
        max_carrier_retries
      )
      select
        judged.id,
        judged.recipient_phone,
        judged.message_content,
        judged.found_template,
        judged.template_vars,
        judged.scheduled_for,
        judged.priority,
        judged.user_id,
        coalesce(judged.metadata, '{}'),
        judged.max_retries,
        coalesce(judged.media_urls, '{}'),
        judged.in_doubt_policy,
        judged.idempotency_key,
        case when judged.idempotency_key is not null then
          now() + coalesce(judged.idempotency_ttl, interval '30 days')
        end,
        judged.content_key,
        clock_timestamp(),
        judged.segments,
        judged.expires_at,
        judged.max_carrier_retries
      from judged
      where judged.reason is null
      -- In the order of what may exist already, so that two batches never wait for each other in
      -- a circle.
      order by
        judged.idempotency_key,
        case when judged.content_key is not null then messaging.digits(judged.recipient_phone) end,
        case when judged.content_key is not null then judged.message_content end,
        judged.given_id,
        judged.position
      on conflict do nothing
      returning id, coalesce(idempotency_key, '') as idempotency_key
    )
    select
      array_agg(
        row(
          judged.position::int,
          case when judged.reason is null then judged.id end,
          case
            when judged.reason is not null then 'refused'
            -- Not a join: a plan for ten rows would compare every row with every other.
            when
              judged.is_first
              and (judged.id, coalesce(judged.idempotency_key, '')) in (
                select inserted.id, inserted.idempotency_key from inserted
              )
            then 'created'
            else 'duplicate'
          end,
          judged.reason
        )::messaging.enqueued
        order by judged.position
      )
    into answers
    from judged;
  exception
    when data_exception or integrity_constraint_violation then
      null; -- one of them cannot be stored: messaging.enqueue finds out which
  end;

  if answers is not null then
    return query select * from unnest(answers) as answer where answer.result <> 'duplicate';

    -- A statement of its own, which sees what another caller has stored meanwhile.
    select
      array_agg(
        row(
          item.place,
          twin.id,
          case when twin.differs then 'refused' else 'duplicate' end,
          twin.reason
        )::messaging.enqueued
      ) filter (where twin.may_be_another is not true),
      array_agg(item.place) filter (where twin.may_be_another)
    into told, again
    from unnest(
      answers, ids, user_ids, recipient_phones, message_contents, template_ids, template_variables,
      times, media, idempotency_keys, dedupe_windows
    ) with ordinality as item (
      position, answer_id, result, reason, id, user_id, recipient_phone, message_content,
      template_id, template_vars, scheduled_for, media_urls, idempotency_key, dedupe_window, place
    )
    left join lateral (
      select
        existing.id,
        alike.differs,
        case when alike.differs then messaging.why_another(existing, item.idempotency_key) end
          as reason,
        messaging.may_have_another(
          existing, item.id, item.idempotency_key, item.dedupe_window::interval
        ) as may_be_another
      from public.message_jobs as existing
      cross join lateral (
        select
          (
            coalesce(existing.id = item.id, false)
            or coalesce(existing.idempotency_key = item.idempotency_key, false)
          )
          and not messaging.says_the_same(
            row(
              item.id, item.recipient_phone, item.message_content, null, item.template_id,
              item.template_vars::jsonb, null, null, null, null, null, item.media_urls::text[],
              null, item.idempotency_key, null, true, null, null, null, null, null,
              null
            )::messaging.draft,
            item.template_id,
            existing
          ) as differs
      ) as alike
      where
        existing.idempotency_key = item.idempotency_key
        or existing.id = item.id
        or existing.content_key = case when item.dedupe_window is not null then
          messaging.content_key(
            row(
              null, item.recipient_phone, item.message_content, null, null, null,
              item.scheduled_for::timestamptz, null, item.user_id, null, null,
              item.media_urls::text[], null, null, null, true, null, null,
              item.dedupe_window::interval, null, null, null
            )::messaging.draft,
            null
          )
        end
      order by
        coalesce(existing.idempotency_key = item.idempotency_key, false) desc,
        coalesce(existing.id = item.id, false) desc
      limit 1
    ) as twin on true
    where item.result = 'duplicate';
    return query select * from unnest(told);
    if again is null then
      return;
    end if;
  end if;

  -- In chunks: only one that holds a row which cannot be stored is gone through one by one. Those
  -- whose twin may have another beside it go the same way: messaging.enqueue releases its key.
  for chunk in
    select
      array_agg(item.place order by item.rank) as places,
      jsonb_agg(
        jsonb_build_object(
          'id', item.id,
          'user_id', item.user_id,
          'recipient_phone', item.recipient_phone,
          'message_content', item.message_content,
          'template_id', item.template_id,
          'template_vars', item.template_vars::jsonb,
          'scheduled_for', item.scheduled_for,
          'priority', item.priority,
          'max_retries', item.max_retries,
          'metadata', item.metadata::jsonb,
          'media_urls', item.media_urls::text[],
          'in_doubt_policy', item.in_doubt_policy,
          'idempotency_key', item.idempotency_key,
          'prepared', true,
          'segments', item.segments,
          'idempotency_ttl', item.idempotency_ttl,
          'dedupe_window', item.dedupe_window,
          'expires_at', item.deadline,
          'expires_in', item.lifetime,
          'max_carrier_retries', item.max_carrier_retries
        )
        order by item.rank
      ) as drafts
    from (
      select
        given.*,
        row_number() over (
          order by
            given.idempotency_key,
            case when given.dedupe_window is not null then
              messaging.digits(given.recipient_phone)
            end,
            case when given.dedupe_window is not null then given.message_content end,
            given.id,
            given.place
        ) as rank
      from unnest(
        ids, user_ids, recipient_phones, message_contents, template_ids, template_variables, times,
        priorities, retries, notes, media, in_doubt_policies, idempotency_keys, segment_counts,
        key_lifetimes, dedupe_windows, deadlines, lifetimes, carrier_retries
      ) with ordinality as given (
        id, user_id, recipient_phone, message_content, template_id, template_vars, scheduled_for,
        priority, max_retries, metadata, media_urls, in_doubt_policy, idempotency_key, segments,
        idempotency_ttl, dedupe_window, deadline, lifetime, max_carrier_retries, place
      )
      where again is null or given.place = any(again)
    ) as item
    group by (item.rank - 1) / 100
    order by (item.rank - 1) / 100
  loop
    return query
    select (chunk.places)[answer.position]::int, answer.id, answer.result, answer.reason
    from messaging.enqueue(chunk.drafts) as answer;
  end loop;
end
$$;
comment on function messaging.enqueue_prepared is
  'messaging.enqueue for drafts that the service has prepared, an array a column; null for a '
  'column that no draft has. The rows are in no order.';

revoke all on function
  messaging.enqueue_prepared,
  messaging.expire_new_job(),
  messaging.expire(int),
  messaging.hurry(interval, int)
from public;

-- Whoever could hand over still can; whoever could promote may do what goes with it.
do $$
declare
  grantee regrole;
begin
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.enqueue(jsonb)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant execute on function messaging.enqueue_prepared to %s', grantee);
  end loop;
  for grantee in
    select distinct allowed.grantee
    from pg_proc as p
    cross join aclexplode(p.proacl) as allowed
    where p.oid = 'messaging.promote(int)'::regprocedure and allowed.grantee <> 0
  loop
    execute format('grant execute on function messaging.expire, messaging.hurry to %s', grantee);
  end loop;
end
$$;
