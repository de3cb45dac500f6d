"""Sends claimed jobs and says what each comes to. Nothing is recorded here."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from messaging import events
from messaging.domain.answers import Answer, Fault, InDoubt, Outgoing, Rejected
from messaging.domain.job import Claim, Status
from messaging.domain.outcome import Outcome, outcome
from messaging.runtime import Runtime

_PAUSE = timedelta(seconds=30)
"""How long nothing is sent after Twilio refused our credentials or our sender."""


def send_claims(
    rt: Runtime, claims: Sequence[Claim], write_before: float
) -> Iterator[list[Outcome]]:
    """Sends claimed jobs at once and yields what they come to, in groups, as answers arrive."""
    by_job = {claim.id: claim for claim in claims}
    for answers in rt.twilio.send([_outgoing(claim, write_before) for claim in claims]):
        yield [_outcome(rt, by_job[message.job_id], answer) for message, answer in answers]


def _outgoing(claim: Claim, write_before: float) -> Outgoing:
    return Outgoing(
        job_id=claim.id,
        attempt=claim.attempt,
        to=claim.recipient_phone,
        body=claim.message_content,
        media_urls=claim.media_urls,
        send_at=claim.send_at,
        write_before=write_before,
    )


def _outcome(rt: Runtime, claim: Claim, answer: Answer) -> Outcome:
    result = outcome(claim, answer, rt.rules, rt.dice)
    match answer:
        case Rejected(fault=Fault.CONFIGURATION):
            rt.throttle.pause(_PAUSE, answer.message)
            events.sending_paused(seconds=_PAUSE.total_seconds(), reason=answer.message)
        case Rejected(alert=True):
            events.code_unknown(job_id=claim.id, code=answer.code, reason=answer.message)
        case InDoubt():
            events.job_doubted(job_id=claim.id, attempt=claim.attempt, reason=answer.reason)
        case _:
            pass
    if result.status is Status.FAILED:
        reason = str((result.error_details or {}).get("message", ""))
        events.job_failed(
            job_id=claim.id, attempt=claim.attempt, reason=reason, code=result.error_code
        )
    return result
