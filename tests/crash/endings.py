"""How a text ends: in our record, in the journal, in the queues and in Twilio's ledger."""

from dataclasses import dataclass
from typing import Any

from messaging import JobId
from tests.stack.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The state of a job that nothing is to change any more.

    `accepted` is how many texts Twilio took for it, `sid_is_twilios` whether the one that it
    took is the one that the job knows (None: neither has one). The journal is without receipts.
    """

    status: str = "sent"
    attempt: int = 1
    accepted: int = 1
    sid_is_twilios: bool | None = True
    delivery: str | None = "delivered"
    journal: tuple[str, ...] = ("settled",)
    entries: int = 0


NOT_SENT: dict[str, Any] = {"accepted": 0, "sid_is_twilios": None, "delivery": None}
"""Twilio never had it."""


def ending_of(stack: Stack, id: JobId) -> Ending:
    """The job as it is now."""
    row = stack.db.execute(
        "select status, attempt, twilio_sid, delivery_status from message_jobs where id = %s", [id]
    ).fetchone()
    assert row is not None, f"no job {id}"
    status, attempt, sid, delivery = row
    sids = [message.sid for message in stack.twilio.ledger.outbound if message.job == str(id)]
    return Ending(
        status=status,
        attempt=attempt,
        accepted=len(sids),
        sid_is_twilios=None if not sids and sid is None else sids == [sid],
        delivery=delivery,
        journal=_journal(stack, id),
        entries=_entries(stack, id),
    )


def assert_ends(stack: Stack, id: JobId, expected: Ending, limit: float = 60.0) -> None:
    """Waits until the job has come to this end; says how it stands where it does not."""
    if not stack.comes_true(lambda: expected == ending_of(stack, id), limit):
        assert expected == ending_of(stack, id)


def assert_nothing_is_left(stack: Stack) -> None:
    """Nothing is under way, nothing went out twice, and the journal has each attempt."""
    stack.wait_until(lambda: not under_way(stack))
    summary = stack.twilio.ledger.summary()
    assert (0, 0) == (summary.repeated_texts, summary.repeated_jobs)
    assert [] == unrecorded_attempts(stack)
    stack.wait_until(lambda: not stack.entries("sms_queue") + stack.entries("sms_priority_queue"))


def under_way(stack: Stack) -> list[Any]:
    """Jobs that are in a state that is neither final nor waiting for its time or for a person."""
    rows = stack.db.execute(
        "select id, status from message_jobs where status in "
        "('pending', 'processing', 'retrying', 'in_doubt') or status = 'scheduled' and "
        "due_at < now() - interval '5 seconds'"
    )
    return rows.fetchall()


def unrecorded_attempts(stack: Stack) -> list[Any]:
    """Jobs that do not have each of their attempts in the journal."""
    rows = stack.db.execute(
        "select j.id, j.attempt, array_agg(distinct e.attempt) from message_jobs as j "
        "left join messaging.message_events as e on e.job_id = j.id and e.attempt > 0 "
        "group by j.id having j.attempt <> count(distinct e.attempt)"
    )
    return rows.fetchall()


def _journal(stack: Stack, id: JobId) -> tuple[str, ...]:
    """An answer that a callback overtook counts as settled: which comes first is chance.

    One that was written twice, because nobody knew whether the first commit was one, counts once.
    """
    rows = stack.db.execute(
        "select case when e.kind = 'late_answer' and e.attempt = j.attempt and exists ("
        "select from messaging.message_events as r where r.job_id = j.id and r.kind = 'receipt' "
        "and r.id < e.id) then 'settled' else e.kind end "
        "from messaging.message_events as e join message_jobs as j on j.id = e.job_id "
        "where e.job_id = %s and e.kind <> 'receipt' and not (e.kind = 'late_answer' and exists ("
        "select from messaging.message_events as f where f.job_id = j.id and f.id < e.id "
        "and f.kind in ('settled', 'reconciled') and f.attempt = e.attempt "
        "and f.twilio_sid = e.twilio_sid)) order by e.id",
        [id],
    )
    return tuple(kind for (kind,) in rows)


def _entries(stack: Stack, id: JobId) -> int:
    rows = stack.db.execute(
        "select 1 from pgmq.q_sms_queue where message ->> 'job_id' = %(id)s union all "
        "select 1 from pgmq.q_sms_priority_queue where message ->> 'job_id' = %(id)s",
        {"id": str(id)},
    )
    return len(rows.fetchall())
