-- Why: what an alert says beside its figure, such as what Twilio answered when sending stopped.

alter table messaging.alerts add column detail text not null default '';
comment on column messaging.alerts.detail is
  'What is known beside the figure, in words; nothing about anybody in particular.';

alter table messaging.alert_notices add column detail text not null default '';
comment on column messaging.alert_notices.detail is 'The words at that time.';
