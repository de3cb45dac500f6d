-- A vacuum reads every index of the table whole, however few rows have died. After a fiftieth of the
-- rows, as it was, that cost each text a share of 2 pages of index; in a table of ten million rows,
-- whose indexes no cache holds, a fifth of all that Postgres did for the text (decision 36).
alter table public.message_jobs set (autovacuum_vacuum_scale_factor = 0.1);
