"""Sends claimed jobs and says what each comes to. Nothing is recorded here."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from messaging import events
from messaging.domain.answers import Answer, InDoubt, Outgoing, Rejected
from messaging.domain.breaker import ANYWHERE, Passage
from messaging.domain.job import Claim, JobId, Status
from messaging.domain.outcome import Outcome, outcome
from messaging.domain.record import record
from messaging.runtime import Runtime

_LEAST = 1.0
"""Seconds before its deadline in which a text is not written any more: Twilio counts whole ones."""
_ONE_EACH: Mapping[JobId, int] = MappingProxyType({})


@record
class Attempt:
    """A claim, Twilio's answer to it, and what that comes to."""

    claim: Claim
    answer: Answer
    outcome: Outcome


def send_claims(
    rt: Runtime,
    claims: Sequence[Claim],
    write_before: float,
    *,
    urgent: bool = False,
    units: Mapping[JobId, int] = _ONE_EACH,
    passage: Passage = ANYWHERE,
) -> Iterator[list[Attempt]]:
    """Sends claimed jobs, each as soon as it has a lane and, where there is a limit, a slot for its
    `units`, and yields what they come to, in groups, as answers arrive.

    No request is begun after `write_before`, a reading of the monotonic clock, nor after a text's
    own deadline, which Twilio is told. Urgent ones go before others that wait for room in the
    gateway. `passage` is that of their grant.
    """
    claimed_at = write_before - rt.settings.send_deadline
    texts = [
        _outgoing(claim, claimed_at, write_before, units.get(claim.id, 1) if units else 1, passage)
        for claim in claims
    ]
    # By the texts themselves: a UUID as a key is hashed by Python.
    claim_of = {id(text): claim for text, claim in zip(texts, claims, strict=True)}
    with rt.brake.watched():
        for answers in rt.twilio.send(texts, urgent=urgent):
            yield [_attempt(rt, claim_of[id(text)], answer) for text, answer in answers]


def announce(attempts: Sequence[Attempt]) -> None:
    """Says what people must know of these."""
    for attempt in attempts:
        _announce_one(attempt)


def _good_until(claim: Claim, claimed_at: float) -> float | None:
    return claimed_at + claim.expires_in.total_seconds() if claim.expires_in is not None else None


def _outgoing(
    claim: Claim, claimed_at: float, write_before: float, units: int, passage: Passage
) -> Outgoing:
    good_until = _good_until(claim, claimed_at)
    latest = write_before if good_until is None else good_until - _LEAST
    return Outgoing(
        job_id=claim.id,
        attempt=claim.attempt,
        to=claim.recipient_phone,
        body=claim.message_content,
        media_urls=claim.media_urls,
        send_at=claim.send_at,
        write_before=min(write_before, latest),
        units=units,
        good_until=good_until,
        claimed_at=claimed_at,
        generations=passage.generations,
    )


def _attempt(rt: Runtime, claim: Claim, answer: Answer) -> Attempt:
    return Attempt(claim=claim, answer=answer, outcome=outcome(claim, answer, rt.rules, rt.dice))


def _announce_one(attempt: Attempt) -> None:
    claim, answer = attempt.claim, attempt.answer
    if isinstance(answer, Rejected) and answer.alert:
        events.code_unknown(job_id=claim.id, code=answer.code, reason=answer.message)
    if isinstance(answer, InDoubt):
        events.job_doubted(job_id=claim.id, attempt=claim.attempt, reason=answer.reason)
    if attempt.outcome.status is Status.FAILED:
        events.job_failed(
            job_id=claim.id,
            attempt=claim.attempt,
            reason=str((attempt.outcome.error_details or {}).get("message", "")),
            code=attempt.outcome.error_code,
        )
