-- The record: templates, jobs, the journal. A database that already has the original
-- architecture's two tables keeps them and gains what is missing.

create table if not exists public.message_templates (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  content_template text not null,
  template_vars jsonb default '{}',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

-- The original did not forbid two templates of one name: the younger ones get a longer one.
update public.message_templates as t
set name = t.name || ' ' || left(t.id::text, 8)
where exists (
  select from public.message_templates as older
  where older.name = t.name and (older.created_at, older.id) < (t.created_at, t.id)
);

-- serves: template
create unique index if not exists message_templates_name on public.message_templates (name);

create table if not exists public.message_jobs (
  id uuid primary key default gen_random_uuid(),
  user_id uuid,
  recipient_phone text not null,
  message_content text not null default '',
  template_id uuid references public.message_templates (id),
  status text default 'pending',
  scheduled_for timestamptz,
  priority int default 0,
  retry_count int default 0,
  max_retries int default 3,
  metadata jsonb default '{}',
  twilio_sid text,
  error_details jsonb,
  created_at timestamptz default now(),
  sent_at timestamptz
);

do $$
begin
  if to_regclass('auth.users') is not null and not exists (
    select from pg_constraint
    where conrelid = 'public.message_jobs'::regclass
      and confrelid = to_regclass('auth.users')
  ) then
    alter table public.message_jobs
      add constraint message_jobs_user_id_fkey foreign key (user_id) references auth.users (id);
  end if;
end
$$;

update public.message_jobs
set
  status = coalesce(status, 'pending'),
  priority = coalesce(priority, 0),
  retry_count = coalesce(retry_count, 0),
  max_retries = least(greatest(coalesce(max_retries, 3), 0), 20),
  metadata = coalesce(metadata, '{}'),
  created_at = coalesce(created_at, now())
where
  status is null or priority is null or retry_count is null or max_retries is null
  or max_retries not between 0 and 20 or metadata is null or created_at is null;

-- Waiting rows that can be no message would break the rules below whenever somebody touched them.
update public.message_jobs
set
  status = 'failed',
  error_details = jsonb_build_object(
    'message', 'Cannot be sent: its status, recipient, text, length or time is none.',
    'status', status
  )
where
  status not in ('scheduled', 'pending', 'processing', 'sent', 'failed')
  or status in ('scheduled', 'pending', 'processing')
  and (
    btrim(recipient_phone) = ''
    or char_length(message_content) > 1600
    or (message_content = '' and template_id is null)
    or scheduled_for not between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
  );

-- What the original left half done is not ours to repeat: a row in processing may have been sent,
-- and nobody wants last month's reminder today.
update public.message_jobs
set
  status = 'held',
  error_details = '{"message": "In processing when this service took over: it may have been sent."}'
where status = 'processing';

update public.message_jobs
set
  status = 'expired',
  error_details = '{"message": "More than a day overdue when this service took over."}'
where
  status in ('scheduled', 'pending')
  and coalesce(scheduled_for, created_at) < now() - interval '1 day';

alter table public.message_jobs
  alter column message_content set default '',
  alter column status set not null,
  alter column priority set not null,
  alter column retry_count set not null,
  alter column max_retries set not null,
  alter column metadata set not null,
  alter column created_at set not null,
  add column if not exists template_vars jsonb,
  add column if not exists media_urls text[] not null default '{}',
  add column if not exists idempotency_key text,
  add column if not exists retry_of uuid references public.message_jobs (id),
  add column if not exists in_doubt_policy text,
  add column if not exists prepared_at timestamptz,
  add column if not exists segments int,
  add column if not exists due_at timestamptz,
  add column if not exists attempt int not null default 0,
  add column if not exists claimed_at timestamptz,
  add column if not exists clean_reads int not null default 0,
  add column if not exists doubt_resends int not null default 0,
  add column if not exists handed_over_at timestamptz,
  add column if not exists recall text,
  add column if not exists delivery_status text,
  add column if not exists delivered_at timestamptz,
  add column if not exists error_code int,
  add column if not exists updated_at timestamptz not null default now();

update public.message_jobs
set due_at = coalesce(case when status = 'scheduled' then scheduled_for end, now())
where status in ('scheduled', 'pending');

-- Rows that the original already had are not checked: they are history.
alter table public.message_jobs
  add constraint message_jobs_status check (
    status in (
      'scheduled', 'pending', 'processing', 'retrying', 'in_doubt', 'held',
      'sent', 'failed', 'canceled', 'expired', 'suppressed'
    )
  ) not valid,
  add constraint message_jobs_body_length check (char_length(message_content) <= 1600) not valid,
  add constraint message_jobs_has_recipient check (btrim(recipient_phone) <> '') not valid,
  add constraint message_jobs_has_content check (
    message_content <> '' or template_id is not null or cardinality(media_urls) > 0
  ) not valid,
  add constraint message_jobs_media check (cardinality(media_urls) <= 10) not valid,
  -- Clients have no dates beyond: Python ends with the year 9999.
  add constraint message_jobs_scheduled_for check (
    scheduled_for between '1970-01-01 00:00:00+00' and '9999-01-01 00:00:00+00'
  ) not valid,
  add constraint message_jobs_max_retries check (max_retries between 0 and 20) not valid,
  add constraint message_jobs_in_doubt_policy check (
    in_doubt_policy in ('reconcile', 'hold', 'resend', 'fail')
  ) not valid,
  add constraint message_jobs_recall check (recall in ('cancel', 'reschedule')) not valid;

alter table public.message_jobs set (
  fillfactor = 80,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000
);

-- serves: promote, sweep_processing, restore_entries, in_doubt_due, handover_due, waiting
create index message_jobs_due on public.message_jobs (status, due_at)
where status in ('scheduled', 'pending', 'processing', 'retrying', 'in_doubt', 'held');

-- serves: sent_today, recent
create index message_jobs_sent_at on public.message_jobs (sent_at) where status = 'sent';

-- serves: failed_recently, recent
create index message_jobs_failed on public.message_jobs (created_at) where status = 'failed';

-- serves: a user's own rows under row level security
create index message_jobs_user on public.message_jobs (user_id, created_at)
where user_id is not null;

-- serves: record_receipts; a SID belongs to one job only
create unique index message_jobs_sid on public.message_jobs (twilio_sid)
where twilio_sid is not null;

-- serves: enqueue; a key names one message only
create unique index message_jobs_idempotency_key on public.message_jobs (idempotency_key)
where idempotency_key is not null;

-- serves: recall_due
create index message_jobs_recall on public.message_jobs (due_at) where recall is not null;

create table messaging.message_events (
  id bigint generated always as identity primary key,
  job_id uuid,
  at timestamptz not null default clock_timestamp(),
  kind text not null,
  attempt int,
  twilio_sid text,
  delivery_status text,
  details jsonb not null default '{}'
);

-- serves: events_of_job
create index message_events_job on messaging.message_events (job_id, id);

-- serves: record_receipts; a receipt that Twilio repeats is one receipt
create unique index message_events_receipt
on messaging.message_events (twilio_sid, delivery_status)
where kind = 'receipt';

comment on table public.message_templates is 'Texts with {{variables}}, for use by many messages.';
comment on column public.message_templates.id is 'Ours; callers may also use the name.';
comment on column public.message_templates.created_at is 'When it was stored.';
comment on column public.message_templates.updated_at is 'When it was last changed.';
comment on column public.message_templates.name is 'What callers name it by; unique.';
comment on column public.message_templates.content_template is
  'The text, in a restricted Jinja2 (docs/reference/templates.md).';
comment on column public.message_templates.template_vars is
  'Values for variables that a message does not give.';

comment on table public.message_jobs is
  'One row a text to one recipient; the only authority on what has happened to it.';
comment on column public.message_jobs.id is 'Ours; the caller may choose it.';
comment on column public.message_jobs.template_id is 'The template that it is made from, if any.';
comment on column public.message_jobs.created_at is 'When it was handed over.';
comment on column public.message_jobs.updated_at is 'When its status last changed.';
comment on column public.message_jobs.user_id is 'Whose message it is; may read it under RLS.';
comment on column public.message_jobs.recipient_phone is
  'E.164 once prepared; until then as the caller wrote it.';
comment on column public.message_jobs.message_content is
  'The body; of a template, its rendering once prepared. At most 1,600 characters.';
comment on column public.message_jobs.template_vars is 'The values for the template''s variables.';
comment on column public.message_jobs.status is
  'Where it stands; messaging.can_become(old, new) says what may follow.';
comment on column public.message_jobs.scheduled_for is 'Not before this time; null for at once.';
comment on column public.message_jobs.priority is 'Above 5 takes the urgent lane.';
comment on column public.message_jobs.retry_count is 'Retries used up so far.';
comment on column public.message_jobs.max_retries is 'Retries allowed after the first attempt.';
comment on column public.message_jobs.metadata is 'The caller''s own; the service does not read it.';
comment on column public.message_jobs.twilio_sid is 'Twilio''s id, once Twilio has the message.';
comment on column public.message_jobs.error_details is 'Why it failed or waits, in plain words.';
comment on column public.message_jobs.sent_at is 'When Twilio''s acceptance was recorded.';
comment on column public.message_jobs.media_urls is 'Pictures and the like for an MMS; at most 10.';
comment on column public.message_jobs.idempotency_key is
  'Chosen by the caller; a second message with the same key is the first one again.';
comment on column public.message_jobs.retry_of is 'The message that this one sends again.';
comment on column public.message_jobs.in_doubt_policy is
  'reconcile, hold, resend or fail; null for the installation''s default.';
comment on column public.message_jobs.prepared_at is
  'When the number was normalised and the template rendered; null until then, and not sent.';
comment on column public.message_jobs.segments is 'Parts that the text takes, as Twilio counts.';
comment on column public.message_jobs.due_at is
  'When somebody looks at it next: promotion, the sweep or reconciliation, by status.';
comment on column public.message_jobs.attempt is
  'How often it was claimed; a worker may only settle the attempt that it claimed.';
comment on column public.message_jobs.claimed_at is
  'The last claim: no request for this attempt was written before.';
comment on column public.message_jobs.clean_reads is
  'While in doubt: how often Twilio''s list was read in full and did not show it.';
comment on column public.message_jobs.doubt_resends is 'How often it was sent again out of doubt.';
comment on column public.message_jobs.handed_over_at is
  'When Twilio took it to keep until scheduled_for (native scheduling).';
comment on column public.message_jobs.recall is
  'Wanted back from Twilio''s scheduling: cancel or reschedule.';
comment on column public.message_jobs.delivery_status is
  'Twilio''s last word on delivery; only ever moves forward.';
comment on column public.message_jobs.delivered_at is 'When a receipt first said delivered.';
comment on column public.message_jobs.error_code is 'Twilio''s error code, of a failure.';

comment on table messaging.message_events is
  'The journal: what happened to each message, appended and never changed.';
comment on column messaging.message_events.id is 'The order of events.';
comment on column messaging.message_events.at is 'When it was written.';
comment on column messaging.message_events.job_id is
  'The message; null for a receipt that fits none.';
comment on column messaging.message_events.kind is
  'settled, receipt, canceled, rescheduled, swept, reconciled, refused, late_answer, …';
comment on column messaging.message_events.attempt is 'The attempt that it belongs to.';
comment on column messaging.message_events.twilio_sid is 'Twilio''s id, where there is one.';
comment on column messaging.message_events.delivery_status is 'Of a receipt, Twilio''s word.';
comment on column messaging.message_events.details is 'The rest; no body and no whole number.';
