"""The model's jobs as rows of a real database, there and back."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from messaging.domain.job import JobId, Sid, Status
from messaging.domain.outcome import Outcome
from tests.integration.databases import Database
from tests.model.state import NONE, VISIBLE, Job, Written

ATTEMPT = 3
"""The last attempt of every row."""

_INSERT = """
insert into message_jobs (
  id, status, recall, twilio_sid, doubt_resends, attempt, recipient_phone, message_content,
  prepared_at, claimed_at, due_at
)
select
  ('00000000-0000-0000-0000-' || lpad(to_hex(number), 12, '0'))::uuid,
  status, recall, sid, resends, %(attempt)s, '+15555550100', 'Hello',
  '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00'
from unnest(%(numbers)s::int[], %(statuses)s::text[], %(recalls)s::text[], %(sids)s::text[],
  %(resends)s::int[]) as given (number, status, recall, sid, resends)
"""
_STANDING = """
select
  id, status, recall is not null, twilio_sid is not null, retry_count, doubt_resends, clean_reads,
  exists (select from pgmq.q_sms_queue as entry where entry.message ->> 'job_id' = id::text)
from message_jobs
"""


def put(db: Database, jobs: Sequence[Job]) -> list[JobId]:
    """Rows that stand as these jobs do, past the triggers and without queue entries."""
    ids = [JobId(UUID(int=number)) for number in range(1, len(jobs) + 1)]
    values = {
        "attempt": ATTEMPT,
        "numbers": [id.int for id in ids],
        "statuses": [job.status for job in jobs],
        "recalls": ["cancel" if job.recall else None for job in jobs],
        "sids": [sid(id) if job.sid else None for id, job in zip(ids, jobs, strict=True)],
        "resends": [job.resends for job in jobs],
    }
    db.execute("set local session_replication_role = replica")
    db.execute(_INSERT.encode(), values)
    db.execute("set local session_replication_role = origin")
    return ids


def standing(db: Database) -> list[Job]:
    """The rows as the model sees them, in the order in which they were put."""
    rows = sorted(db.execute(_STANDING.encode()))
    return [
        Job(
            status=status,
            recall=recall,
            sid=has_sid,
            retries=retries,
            resends=resends,
            reads=reads,
            entry=VISIBLE if has_entry else NONE,
        )
        for _, status, recall, has_sid, retries, resends, reads, has_entry in rows
    ]


def sid(id: JobId) -> Sid:
    """A SID of this job's own."""
    return Sid(f"SM{id.hex}")


def outcome(id: JobId, written: Written, *, last: bool) -> Outcome:
    """What the product hands to its settle, for the last attempt or the one before."""
    return Outcome(
        job_id=id,
        attempt=ATTEMPT if last else ATTEMPT - 1,
        status=Status(written.status),
        retry_count=None if written.retries < 0 else written.retries,
        doubt_resends=None if written.resends < 0 else written.resends,
        twilio_sid=sid(id) if written.sid else None,
        due_in=timedelta(0),
        kind="reconciled" if written.reconciled else "settled",
    )
