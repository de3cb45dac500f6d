"""Review: whether a text that has been claimed may go out now. Pure, and asked before each send."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from messaging.domain.consent import Consent, last_word
from messaging.domain.destinations import ANYWHERE, Destinations
from messaging.domain.job import Claim, Status
from messaging.domain.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """It is too late: the text is not sent any more."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppress:
    """A rule forbids it: the text is never sent."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer:
    """A rule forbids it now: the text waits so long, and is reviewed again then."""

    rule: str
    reason: str
    due_in: timedelta


Objection = Expire | Suppress | Defer
"""What a rule may say against a send; None is that it has nothing against it."""


def review(claim: Claim, destinations: Destinations = ANYWHERE) -> Objection | None:
    """What the first rule that objects to this send says; None where it may go out."""
    return _opted_out(claim) or _too_late(claim) or _out_of_bounds(claim, destinations)


def withhold(claim: Claim, objection: Objection) -> Outcome:
    """What a claim comes to that is not sent: no request was made."""
    match objection:
        case Expire(reason=reason):
            return _withheld(claim, Status.EXPIRED, "deadline", reason)
        case Suppress(rule=rule, reason=reason):
            return _withheld(claim, Status.SUPPRESSED, rule, reason)
        case Defer(rule=rule, reason=reason, due_in=due_in):
            return _withheld(claim, Status.SCHEDULED, rule, reason, due_in)
        case _:
            assert_never(objection)


def sift(
    claims: Sequence[Claim], destinations: Destinations = ANYWHERE
) -> tuple[list[Claim], list[Outcome]]:
    """Those of these claims that may be sent, and what the others come to."""
    passed: list[Claim] = []
    withheld: list[Outcome] = []
    for claim in claims:
        objection = review(claim, destinations)
        if objection is None:
            passed.append(claim)
        else:
            withheld.append(withhold(claim, objection))
    return passed, withheld


def _opted_out(claim: Claim) -> Objection | None:
    if not claim.said or last_word(claim.said, "transactional") is not Consent.OPTED_OUT:
        return None
    return Suppress(rule="opt_out", reason="The recipient opted out.")


def _too_late(claim: Claim) -> Objection | None:
    """A text that Twilio keeps for later must still be in time when its time comes."""
    if claim.expires_in is None or claim.expires_in > (claim.send_in or timedelta(0)):
        return None
    return Expire(reason="Its deadline passed before it could be sent.")


def _out_of_bounds(claim: Claim, destinations: Destinations) -> Objection | None:
    """A number that texts may not go to, whoever handed it over, and however long ago."""
    reason = destinations.why_not(claim.recipient_phone)
    return Suppress(rule="destination", reason=reason) if reason else None


def _withheld(
    claim: Claim, status: Status, rule: str, reason: str, due_in: timedelta | None = None
) -> Outcome:
    return Outcome(
        job_id=claim.id,
        attempt=claim.attempt,
        status=status,
        due_in=due_in,
        error_details={"message": reason, "rule": rule},
        details={"answer": "withheld", "rule": rule, "reason": reason},
    )
