-- The two tables and the queues exactly as the original architecture makes them.
create table message_templates (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  content_template text not null,
  template_vars jsonb default '{}',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create table message_jobs (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id),
  recipient_phone text not null,
  message_content text not null,
  template_id uuid references message_templates (id),
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

create index idx_message_jobs_status on message_jobs (status);
create index idx_message_jobs_scheduled on message_jobs (scheduled_for);
create index idx_message_jobs_user on message_jobs (user_id);

select pgmq.create('sms_queue');
select pgmq.create('sms_priority_queue');

-- What a service of that design may have left: a row in every status, some with their entries.
insert into message_jobs
  (recipient_phone, message_content, status, scheduled_for, priority, twilio_sid, sent_at)
values
  ('+15555550101', 'pending with an entry', 'pending', null, 0, null, null),
  ('+15555550102', 'pending without an entry', 'pending', null, 0, null, null),
  ('+15555550103', 'urgent with an entry', 'pending', null, 10, null, null),
  ('+15555550104', 'in processing', 'processing', null, 0, null, null),
  ('+15555550105', 'sent', 'sent', null, 0, 'SM11111111111111111111111111111111', now()),
  ('+15555550106', 'failed', 'failed', null, 0, null, null),
  ('+15555550117', 'a month overdue', 'scheduled', now() - interval '1 month', 0, null, null),
  ('+15555550107', 'scheduled, due', 'scheduled', now() - interval '1 minute', 0, null, null),
  ('+15555550108', 'scheduled, later', 'scheduled', '2090-01-01 00:00:00+00', 0, null, null);

insert into message_jobs
  (recipient_phone, message_content, status, priority, retry_count, max_retries, metadata)
values ('+15555550109', 'of nulls', null, null, null, null, null);

-- Nothing kept these out.
insert into message_jobs (recipient_phone, message_content, status, max_retries) values
  ('+15555550110', 'a hundred retries', 'pending', 100),
  ('', 'to nobody', 'pending', 3),
  ('+15555550111', '', 'pending', 3),
  ('+15555550112', repeat('too long ', 200), 'scheduled', 3),
  ('+15555550113', repeat('too long ', 200), 'failed', 3),
  ('+15555550114', 'in a status of their own', 'cancelled', 3);

select pgmq.send(
  case when priority > 5 then 'sms_priority_queue' else 'sms_queue' end,
  jsonb_build_object(
    'job_id', id, 'recipient_phone', recipient_phone, 'message_content', message_content
  )
)
from message_jobs
where
  message_content like '%with an entry'
  or message_content in ('to nobody', '', 'in a status of their own');
