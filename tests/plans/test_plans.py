"""Hot statements on a large table: each reads few rows, by the index that is meant for it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from messaging.domain.category import Category
from messaging.domain.decision import Answer, Decision, Wish
from messaging.domain.draft import Draft, prepare
from messaging.domain.job import JobId, Sid, Status
from messaging.domain.keeping import Times
from messaging.domain.opt_out_line import Completed
from messaging.domain.outcome import Outcome
from messaging.domain.receipt import Receipt
from messaging.local.postgres import EmbeddedPostgres
from messaging.postgres import (
    alerts,
    bare,
    decisions,
    doubts,
    enqueuing,
    figures,
    jobs,
    kept,
    messages,
    numbers,
    opting_out,
    planning,
    queues,
    retention,
)
from messaging.postgres.enqueuing import Defaults
from messaging.postgres.jobs import Postgres
from messaging.postgres.numbers import Lessons
from messaging.postgres.retention import Walk
from tests.integration.databases import migrated, rolled_back

JOBS, EVENTS = "public.message_jobs", "messaging.message_events"
MINUTE, HOUR, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=30)
KEEP = Times(jobs=HOUR, journal=timedelta(0), dead=HOUR, processes=DAYS)
LIMITS = {"queue_depth": 50_000, "dead_letters": 1, "in_doubt": 50, "held": 1}
OFTEN = 8
"""Runs of each statement: after five, Postgres may plan it without looking at the values."""

FILL = """
set session_replication_role = replica;

insert into message_jobs (
  id, user_id, recipient_phone, message_content, status, due_at, twilio_sid, idempotency_key,
  prepared_at, sent_at, created_at, attempt, handed_over_at, recall, scheduled_for, expires_at
)
select
  ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
  ('00000000-0000-4000-9000-' || lpad(to_hex(n % 2000), 12, '0'))::uuid,
  '+15555550100',
  'n ' || n,
  status,
  case
    when status in ('sent', 'failed', 'canceled') then null
    when status = 'pending' then now() - make_interval(secs => n % 120)
    when n % 20 = 0 then now() - make_interval(secs => n % 1000)
    else now() + make_interval(mins => n % 10000 + 5)
  end,
  case when status = 'sent' or n % 100 = 0 and status = 'scheduled' then
    'SM' || lpad(to_hex(n), 32, '0')
  end,
  case when n % 2 = 0 then 'key ' || n end,
  now(),
  case when status = 'sent' then now() - make_interval(secs => 10 * (200000 - n)) end,
  now() - make_interval(secs => 10 * (200000 - n)),
  1,
  case when n % 100 = 0 and status = 'scheduled' then now() end,
  case when n % 400 = 0 and status = 'scheduled' then 'cancel' end,
  case when status = 'scheduled' then now() + interval '8 days' end,
  case
    when status = 'pending' and n % 4 = 0 then now() + interval '1 minute'
    when status = 'scheduled' and n % 20 = 10 then now() - interval '1 minute'
  end
from (
  select
    n,
    case
      when n <= 4000 then 'pending'
      when n <= 34000 then 'scheduled'
      when n <= 36000 then 'retrying'
      when n <= 37000 then 'processing'
      when n <= 38000 then 'in_doubt'
      when n <= 39000 then 'held'
      when n % 20 = 0 then 'failed'
      when n % 30 = 0 then 'canceled'
      else 'sent'
    end as status
  from generate_series(1, 200000) as n
) as numbered;

insert into messaging.message_events (job_id, kind, twilio_sid, delivery_status)
select id, 'receipt', twilio_sid, 'queued' from message_jobs where status = 'sent';

select pgmq.send_batch('sms_queue', array_agg(jsonb_build_object('job_id', id)))
from message_jobs where status = 'pending';

set session_replication_role = origin;
analyze;
"""

READ = """
select
  c.relname,
  pg_stat_get_xact_numscans(c.oid) as scans,
  pg_stat_get_xact_tuples_returned(c.oid) as rows
from pg_class as c
where c.oid = any(%(tables)s::regclass[])
  or c.oid in (select indexrelid from pg_index where indrelid = any(%(tables)s::regclass[]))
"""


FEW = """
insert into message_jobs (id, recipient_phone, message_content, prepared_at)
select
  ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, '+15555550100', 'n ' || n, now()
from generate_series(%(first)s::int, %(last)s::int) as n
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How often a table or an index was scanned in this transaction, and rows that came of it."""

    scans: int
    rows: int


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database with 200,000 jobs, most of them final."""
    with migrated(postgres) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(FILL.encode())
        yield url


@pytest.fixture
def db(url: str) -> Iterator[Postgres]:
    with rolled_back(url) as conn:
        yield conn


def readings(db: Postgres) -> Mapping[str, Reading]:
    rows = db.execute(READ, {"tables": [JOBS, EVENTS]})
    return {name: Reading(scans=scans, rows=count) for name, scans, count in rows}


def ids(first: int, count: int) -> list[JobId]:
    return [JobId(UUID(f"00000000-0000-4000-8000-{n:012x}")) for n in range(first, first + count)]


def sids(first: int, count: int) -> list[Sid]:
    return [Sid(f"SM{n:032x}") for n in range(first, first + count)]


def settle(db: Postgres, run: int) -> None:
    claimed = zip(ids(36_001 + 50 * run, 50), sids(500_000 + 50 * run, 50), strict=True)
    outcomes = [
        Outcome(job_id=id, attempt=1, status=Status.SENT, twilio_sid=sid) for id, sid in claimed
    ]
    assert 50 == len(jobs.settle(db, outcomes, "sms_queue"))


def record_by_sid(db: Postgres, run: int) -> None:
    receipts = [Receipt(sid=sid, status="delivered") for sid in sids(40_001 + 90 * run, 17)]
    assert 17 == len(messages.record_receipts(db, receipts))


def record_by_job(db: Postgres, run: int) -> None:
    named = zip(ids(36_001 + 50 * run, 50), sids(500_000 + 50 * run, 50), strict=True)
    receipts = [Receipt(sid=sid, status="delivered", job_id=id) for id, sid in named]
    assert 50 == len(messages.record_receipts(db, receipts))


def enqueue(db: Postgres, run: int) -> None:
    drafts = [
        {"recipient_phone": "+15555550100", "message_content": f"n {n}", "idempotency_key": key}
        for n in range(200)
        for key in [f"key {n}" if n and n % 2 == 0 else f"new {run} {n}"]
    ]
    results = [answer.result for answer in messages.enqueue(db, drafts)]
    assert (101, 99) == (results.count("created"), results.count("duplicate"))


def enqueue_prepared(db: Postgres, run: int) -> None:
    drafts = {
        n: prepare(Draft(to="+15555550100", body=f"n {n}", idempotency_key=key), None, None)
        for n in range(200)
        for key in [f"key {n}" if n and n % 2 == 0 else f"new {run} {n}"]
    }
    results = [answer.result for answer in enqueuing.enqueue(db, drafts, Defaults())]
    assert (101, 99) == (results.count("created"), results.count("duplicate"))


def foresee(db: Postgres, run: int) -> None:
    drafts = [
        prepare(Draft(to="+15555550100", body=f"n {n}", idempotency_key=key), None, None)
        for n in range(2000)
        for key in [f"key {n}" if n and n % 2 == 0 else None]
    ]
    found = list(planning.foresee(db, drafts, Defaults(dedupe_window=HOUR)))
    assert 999 == sum(one.is_duplicate for one in found)


def ahead(db: Postgres, run: int) -> None:
    (now,) = db.execute("select now()").fetchone() or (None,)
    assert now is not None
    waiting = planning.ahead(db, now + HOUR, in_usd=False)
    assert 4000 < sum(group.messages for group in waiting) < 8000


def learn(db: Postgres, run: int) -> None:
    failed = sids(40_001 + 90 * run, 17)
    waits = dict.fromkeys(failed, MINUTE)
    numbers.learn(db, Lessons(dead=failed, again=waits, retries=1, arrived=failed))


def resolve(db: Postgres, run: int) -> None:
    wish = Wish(id=ids(38_001 + run, 1)[0], decision=Decision.SENT, sid=sids(600_000 + run, 1)[0])
    assert Answer.SENT is decisions.resolve(db, wish)


def own_rows(db: Postgres, run: int) -> None:
    user = f"00000000-0000-4000-9000-{run:012x}"
    rows = db.execute("select * from message_jobs where user_id = %s", [user]).fetchall()
    assert 100 == len(rows)


def complete(db: Postgres, run: int) -> None:
    texts = [Completed(id=id, line="STOP", segments=1) for id in ids(1 + 50 * run, 50)]
    assert set() == opting_out.add_lines(db, texts), "all of them have been tried"


def forget(walk: Walk) -> Callable[[Postgres, int], object]:
    """A batch of a hundred, of which half are deleted: the others have keys."""

    def run(db: Postgres, _: int) -> None:
        assert 100 == retention.forget_jobs(db, walk, -MINUTE, -MINUTE, 100).looked

    return run


@pytest.mark.parametrize(
    ("run", "index", "most"),
    [
        (lambda db, n: jobs.claim(db, ids(1 + 50 * n, 50), MINUTE), "message_jobs_pkey", 150),
        (lambda db, n: jobs.standing(db, ids(1 + 500 * n, 500)), "message_jobs_pkey", 800),
        (
            lambda db, n: jobs.standing(db, ids(1 + 500 * n, 500), lined=[Category.MARKETING]),
            "message_jobs_pkey",
            800,
        ),
        (lambda db, n: opting_out.first_texts(db, ids(1 + 50 * n, 50)), "message_jobs_pkey", 150),
        (
            lambda db, _: db.execute("select messaging.had_opt_out_line('+15555550100')"),
            "message_jobs_opt_out_line",
            2,
        ),
        (complete, "message_jobs_pkey", 150),
        (lambda db, n: bare.unprepared(db, ids(1 + 500 * n, 500)), "message_jobs_pkey", 800),
        (lambda db, _: jobs.due_now(db, MINUTE), "message_jobs_due", 100),
        # Once more by their keys, for the marks of their campaigns.
        (lambda db, _: jobs.promote(db, 1000), "message_jobs_due", 2500),
        (lambda db, _: jobs.sweep_processing(db), "message_jobs_due", 100),
        # In one transaction, what has expired stays in the index.
        (lambda db, _: jobs.expire(db, 100), "message_jobs_expires", 600),
        (lambda db, n: jobs.hurry(db, HOUR, 100 * (n + 1)), "message_jobs_expires", 1500),
        (learn, "message_jobs_sid", 300),
        (lambda db, _: jobs.restore_entries(db, MINUTE), "message_jobs_due", 4200),
        (lambda db, _: doubts.in_doubt_due(db, MINUTE, 50), "message_jobs_due", 100),
        (lambda db, _: kept.handover_due(db, MINUTE), "message_jobs_due", 2000),
        (
            lambda db, _: jobs.claim_for_handover(db, MINUTE, DAYS, MINUTE, 50),
            "message_jobs_due",
            500,
        ),
        (
            lambda db, _: bare.unprepared_soon(db, MINUTE, HOUR, 50),
            "message_jobs_due",
            500,
        ),
        (lambda db, _: kept.recall_due(db, MINUTE), "message_jobs_recall", 150),
        (lambda db, n: doubts.owned_sids(db, sids(40_000 + n, 50)), "message_jobs_sid", 50),
        (settle, "message_jobs_pkey", 500),
        (record_by_sid, "message_jobs_sid", 200),
        (record_by_job, "message_jobs_pkey", 500),
        (enqueue, "message_jobs_idempotency_key", 400),
        (enqueue_prepared, "message_jobs_idempotency_key", 400),
        (foresee, "message_jobs_content_key", 2500),
        (ahead, "message_jobs_due", 12_000),
        (lambda db, n: messages.show(db, ids(1 + n, 1)[0]), "message_jobs_pkey", 3),
        (lambda db, n: messages.cancel(db, ids(1 + n, 1)[0]), "message_jobs_pkey", 10),
        (lambda db, n: messages.events(db, ids(40_001 + n, 1)[0]), "message_events_job", 3),
        (lambda db, _: decisions.held(db, 10), "message_jobs_due", 2500),
        (lambda db, _: decisions.held_count(db), "message_jobs_due", 2500),
        (resolve, "message_jobs_pkey", 10),
        (own_rows, "message_jobs_user", 150),
        (lambda db, _: figures.read(db), "message_jobs_sent_at", 70_000),
        (lambda db, _: alerts.readings(db, LIMITS, MINUTE), "message_events_pkey", 1300),
        (
            lambda db, _: db.execute("select * from messaging.failed_recently").fetchall(),
            "message_jobs_failed",
            800,
        ),
        (forget("sent"), "message_jobs_sent_at", 3200),
        (forget("failed"), "message_jobs_failed", 3200),
        (forget("withdrawn"), "message_jobs_withdrawn", 3200),
        (lambda db, _: retention.kept(db, KEEP), "message_jobs_withdrawn", 70_000),
        (
            lambda db, _: retention.forget_journal(db, -MINUTE, 100),
            "message_events_pkey",
            800,
        ),
    ],
    ids=[
        "claim", "standing", "standing, lined", "first_texts", "had_opt_out_line", "add_lines",
        "unprepared", "due_now", "promote", "sweep_processing", "expire", "hurry",
        "learn", "restore_entries", "in_doubt_due", "handover_due", "claim_for_handover",
        "unprepared_soon", "recall_due", "owned_sids", "settle", "record_receipts by sid",
        "record_receipts by job", "enqueue",
        "enqueue_prepared", "foresee", "ahead", "show", "cancel", "events_of_job", "held",
        "held_count", "resolve",
        "a user's own rows", "figures", "readings", "failed_recently", "forget_jobs, sent",
        "forget_jobs, failed", "forget_jobs, withdrawn", "kept", "forget_journal",
    ],
)  # fmt: skip
def test_a_hot_statement_reads_few_rows_and_by_its_index(
    db: Postgres, run: Callable[[Postgres, int], object], index: str, most: int
) -> None:
    before = readings(db)
    for n in range(OFTEN):
        run(db, n)
    after = readings(db)
    scans = {name: after[name].scans - before[name].scans for name in after}
    rows = {name: after[name].rows - before[name].rows for name in after}
    assert (0, 0) == (scans["message_jobs"], scans["message_events"])
    assert OFTEN <= scans[index]
    assert OFTEN * most >= sum(rows.values())


@pytest.mark.parametrize("analyzed", ["empty", "small"])
def test_plans_from_when_the_table_was_small_are_good_for_a_large_one(
    postgres: EmbeddedPostgres, analyzed: str
) -> None:
    """Postgres keeps a plan until the table is analyzed, which may be a minute and 100,000 rows."""
    steps = ["analyze message_jobs", FEW]
    with migrated(postgres) as url, rolled_back(url) as db:
        for step in steps if analyzed == "empty" else reversed(steps):
            db.execute(step.encode(), {"first": 1, "last": 100 * OFTEN})
        for run in range(OFTEN):
            claim_and_settle(db, ids(1 + 100 * run, 100))
            record(db, ids(1 + 100 * run, 100))
        db.execute(FEW, {"first": 1001, "last": 21_000})
        before = readings(db)
        claim_and_settle(db, ids(1001, 50))
        record(db, ids(1001, 50))
        after = readings(db)
    assert 0 == after["message_jobs"].scans - before["message_jobs"].scans
    assert 1200 >= sum(after[name].rows - before[name].rows for name in after)


def claim_and_settle(db: Postgres, wanted: list[JobId]) -> None:
    claims = jobs.claim(db, wanted, MINUTE)
    outcomes = [
        Outcome(
            job_id=claim.id,
            attempt=claim.attempt,
            status=Status.SENT,
            twilio_sid=Sid(f"SM{claim.id.hex}"),
        )
        for claim in claims
    ]
    assert set(wanted) == jobs.settle(db, outcomes, "sms_queue")


def record(db: Postgres, wanted: list[JobId]) -> None:
    receipts = [
        Receipt(sid=Sid(f"SM{id.hex}"), status="delivered", job_id=id, attempt=1) for id in wanted
    ]
    assert set(wanted) == {one.job_id for one in messages.record_receipts(db, receipts)}


def test_a_scan_of_the_whole_table_would_be_seen(db: Postgres) -> None:
    before = readings(db)["message_jobs"].scans
    db.execute("select count(*) from message_jobs where message_content = 'nobody'")
    assert before + 1 == readings(db)["message_jobs"].scans


MANY = """
select pgmq.send_batch('sms_queue', array(
  select jsonb_build_object('job_id', gen_random_uuid()) || case
    when n %% 10 > 0 then jsonb_build_object('campaign', 'c' || n %% 10) else '{}'
  end
  from generate_series(1, %s) as n
))
"""
QUEUE, TURNS = "pgmq.q_sms_queue", "q_sms_queue_turn"


def read_of_queue(db: Postgres) -> Mapping[str, Reading]:
    rows = db.execute(READ, {"tables": [QUEUE]})
    return {name: Reading(scans=scans, rows=count) for name, scans, count in rows}


@pytest.mark.parametrize("analyzed", ["never", "small", "large"])
def test_a_lease_in_turns_reads_little_more_than_it_takes(
    postgres: EmbeddedPostgres, analyzed: str
) -> None:
    """Of 50,000 entries of ten campaigns, one of which is of none."""
    with migrated(postgres) as url, rolled_back(url) as db:
        db.execute(MANY, [100 * OFTEN])
        if analyzed == "small":
            db.execute("analyze pgmq.q_sms_queue")
            for _ in range(OFTEN):
                queues.lease(db, "sms_queue", MINUTE, 20)
        db.execute(MANY, [50_000])
        if analyzed == "large":
            db.execute("analyze pgmq.q_sms_queue")
        before = read_of_queue(db)
        for _ in range(OFTEN):
            assert 100 == len(queues.lease(db, "sms_queue", MINUTE, 100))
        after = read_of_queue(db)
    assert 0 == after["q_sms_queue"].scans - before["q_sms_queue"].scans
    assert OFTEN <= after[TURNS].scans - before[TURNS].scans
    # What is leased already, and the versions of this transaction, are passed over.
    assert OFTEN * 2500 >= sum(after[name].rows - before[name].rows for name in after)
