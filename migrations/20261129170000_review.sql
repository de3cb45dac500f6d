-- A text that comes too late is not sent: between the claim and the send each text is reviewed.

alter table public.message_jobs add column expires_at timestamptz;
comment on column public.message_jobs.expires_at is
  'The deadline: what cannot be sent before becomes expired. Null: it may be sent at any time.';
