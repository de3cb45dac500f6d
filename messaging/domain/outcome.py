"""What an attempt comes to: from Twilio's answer to the job's next status. Pure."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import assert_never

from messaging.domain.answers import Accepted, Answer, Fault, InDoubt, NotSent, Rejected
from messaging.domain.job import Claim, InDoubtPolicy, JobId, Sid, Status
from messaging.domain.record import record

Details = dict[str, object]

HANDOVER_GRACE = timedelta(minutes=5)
"""How long after its time a text that Twilio keeps may stay without a receipt."""
MAX_RESENDS = 2
"""Resends out of doubt; after that a person decides."""


@record
class Outcome:
    """One row for `messaging.settle`: the new status, and all that goes with it."""

    job_id: JobId
    attempt: int
    status: Status
    due_in: timedelta | None = None
    retry_count: int | None = None
    doubt_resends: int | None = None
    twilio_sid: Sid | None = None
    delivery_status: str | None = None
    error_code: int | None = None
    error_details: Details | None = None
    segments: int | None = None
    handed_over: bool = False
    kind: str = "settled"
    details: Details = field(default_factory=dict)


@record
class AtTwilio:
    """A text that Twilio has. `send_in` is how far ahead its time is, None where that is past."""

    sid: Sid
    status: str
    send_in: timedelta | None
    error_code: int | None = None
    segments: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How long a message waits before it is tried again: base, doubled with each retry."""

    base: timedelta
    longest: timedelta
    jitter: float
    default_policy: InDoubtPolicy

    def delay(self, retries_so_far: int, dice: Random) -> timedelta:
        """The wait before the next retry, varied by the jitter so that retries spread out."""
        plain = min(self.base * (1 << retries_so_far), self.longest)
        return plain * (1 + self.jitter * dice.uniform(-1, 1))


def taken(job_id: JobId, attempt: int, text: AtTwilio, details: Details | None = None) -> Outcome:
    """What a job whose text Twilio has comes to: sent, or kept by Twilio until its time."""
    kept = text.send_in if text.status == "scheduled" else None
    return Outcome(
        job_id=job_id,
        attempt=attempt,
        status=Status.SENT if kept is None else Status.SCHEDULED,
        due_in=None if kept is None else kept + HANDOVER_GRACE,
        twilio_sid=text.sid,
        delivery_status=text.status,
        error_code=text.error_code,
        segments=text.segments,
        handed_over=kept is not None,
        details=details or {},
    )


def outcome(claim: Claim, answer: Answer, rules: RetryRules, dice: Random) -> Outcome:
    """What this answer means for the job that was claimed."""
    match answer:
        case Accepted():
            return _accepted(claim, answer)
        case Rejected(fault=Fault.MESSAGE):
            return _refused(claim, answer)
        case Rejected():
            return _waits(claim, answer.wait or rules.base, answer.message, code=answer.code)
        case NotSent(costs_retry=False):
            return _waits(claim, answer.retry_after or rules.base, answer.reason)
        case NotSent():
            return _retried(claim, answer, rules, dice)
        case InDoubt():
            return doubted(claim, answer, rules)
        case _:
            assert_never(answer)


def _accepted(claim: Claim, answer: Accepted) -> Outcome:
    text = AtTwilio(
        sid=answer.sid, status=answer.status, send_in=claim.send_in, segments=answer.segments
    )
    return taken(claim.id, claim.attempt, text, details={"answer": "accepted"})


def _refused(claim: Claim, answer: Rejected) -> Outcome:
    if claim.send_in is not None:
        return _kept_here(claim, answer)
    return Outcome(
        job_id=claim.id,
        attempt=claim.attempt,
        status=Status.FAILED,
        error_code=answer.code,
        error_details={"message": answer.message, "code": answer.code},
        details={"answer": "rejected", "code": answer.code, "reason": answer.message},
    )


def _kept_here(claim: Claim, answer: Rejected) -> Outcome:
    """Twilio will not keep it: the job stays scheduled with us, and is sent at its time."""
    return Outcome(
        job_id=claim.id,
        attempt=claim.attempt,
        status=Status.SCHEDULED,
        due_in=claim.send_in,
        error_details={"handover_refused": answer.code, "message": answer.message},
        details={"answer": "handover refused", "code": answer.code, "reason": answer.message},
    )


def _waits(claim: Claim, wait: timedelta, reason: str, code: int | None = None) -> Outcome:
    """The job is not to blame: it waits, and keeps its retries."""
    if claim.send_in is not None:
        return _scheduled_again(claim, reason)
    return Outcome(
        job_id=claim.id,
        attempt=claim.attempt,
        status=Status.RETRYING,
        due_in=wait,
        error_code=code,
        error_details={"message": reason, "code": code},
        details={"answer": "not sent", "code": code, "reason": reason},
    )


def _retried(claim: Claim, answer: NotSent, rules: RetryRules, dice: Random) -> Outcome:
    if claim.send_in is not None:
        return _scheduled_again(claim, answer.reason)
    spent = claim.retry_count >= claim.max_retries
    return Outcome(
        job_id=claim.id,
        attempt=claim.attempt,
        status=Status.FAILED if spent else Status.RETRYING,
        due_in=None if spent else answer.retry_after or rules.delay(claim.retry_count, dice),
        retry_count=claim.retry_count if spent else claim.retry_count + 1,
        error_details={"message": answer.reason},
        details={"answer": "not sent", "reason": answer.reason},
    )


def _scheduled_again(claim: Claim, reason: str) -> Outcome:
    return Outcome(
        job_id=claim.id,
        attempt=claim.attempt,
        status=Status.SCHEDULED,
        due_in=claim.send_in,
        details={"answer": "not handed over", "reason": reason},
    )


def doubted(claim: Claim, answer: InDoubt, rules: RetryRules) -> Outcome:
    """No clear answer: what the job's policy says, and never a blind repetition by default."""
    policy = claim.in_doubt_policy or rules.default_policy
    status, error = _DOUBT[policy]
    resends = claim.doubt_resends
    if policy is InDoubtPolicy.RESEND:
        spent = resends >= MAX_RESENDS
        again = Status.RETRYING if claim.send_in is None else Status.SCHEDULED
        status = Status.HELD if spent else again
        resends = resends if spent else resends + 1
    return Outcome(
        job_id=claim.id,
        attempt=claim.attempt,
        status=status,
        due_in=claim.send_in if status is Status.SCHEDULED else _DOUBT_WAIT.get(status),
        doubt_resends=resends,
        error_details={"message": error.format(reason=answer.reason)},
        details={"answer": "in doubt", "policy": policy.value, "reason": answer.reason},
    )


_DOUBT = {
    InDoubtPolicy.RECONCILE: (Status.IN_DOUBT, "Twilio's answer was not seen: {reason}"),
    InDoubtPolicy.HOLD: (Status.HELD, "Held for a person: {reason}"),
    InDoubtPolicy.RESEND: (Status.RETRYING, "Sent again out of doubt: {reason}"),
    InDoubtPolicy.FAIL: (Status.FAILED, "Given up in doubt: {reason}"),
}
_DOUBT_WAIT = {Status.IN_DOUBT: timedelta(seconds=5), Status.RETRYING: timedelta(seconds=60)}
