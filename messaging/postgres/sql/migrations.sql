-- name: take_turn
-- Waits until no other migration is running.
select pg_advisory_lock(%(lock)s)

-- name: end_turn
-- Lets the next one begin.
select pg_advisory_unlock(%(lock)s)

-- name: pgmq_wanted
-- Whether pgmq must be installed from its bundled SQL: it is not there and no extension offers it.
select
  to_regnamespace('pgmq') is null
  and not exists (select from pg_available_extensions where name = 'pgmq')

-- name: create_schema
-- The schema that everything but the two public tables lives in.
create schema if not exists messaging

-- name: create_ledger
-- Where applied migrations are noted.
create table if not exists messaging.schema_migrations (
  version text primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp()
);
comment on table messaging.schema_migrations is 'The migrations that this database has.';
comment on column messaging.schema_migrations.version is 'The time that its file begins with.';
comment on column messaging.schema_migrations.name is 'The rest of the name of its file.';
comment on column messaging.schema_migrations.checksum is 'SHA-256 of its file, in hexadecimal.';
comment on column messaging.schema_migrations.applied_at is 'When it was applied here.'

-- name: has_ledger
-- Whether any migration was ever applied here.
select to_regclass('messaging.schema_migrations') is not null

-- name: applied
-- The versions that the database has, with the checksums that they had.
select version, checksum from messaging.schema_migrations

-- name: supabase_ledger
-- Whether the Supabase command line keeps a ledger of its own here.
select to_regclass('supabase_migrations.schema_migrations') is not null

-- name: supabase_versions
-- The versions that `supabase db push` has applied.
select version from supabase_migrations.schema_migrations

-- name: note
-- Notes a migration as applied; one that is noted already stays as it is.
insert into messaging.schema_migrations (version, name, checksum)
values (%(version)s, %(name)s, %(checksum)s)
on conflict (version) do nothing
