"""Review: whether a text that has been claimed may go out now. Pure, and asked before each send."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from messaging.domain.caps import Caps
from messaging.domain.category import Category
from messaging.domain.consent import Consent, last_word
from messaging.domain.destinations import ANYWHERE, Destinations
from messaging.domain.job import Claim, Status
from messaging.domain.outcome import Outcome
from messaging.domain.quiet_hours import VERSION, QuietHours, Recipient


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


NOTHING = "nothing against it"
Objection = Expire | Suppress | Defer
"""What a rule may say against a send; None is that it has nothing against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """The rules of an installation. Texts of a category in `with_consent` need an opt-in.

    `caps` are asked before the claim, in SQL: they stand here because they are rules as well.
    """

    quiet_hours: QuietHours
    destinations: Destinations = ANYWHERE
    with_consent: frozenset[Category] = frozenset()
    caps: Caps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One question that a review asks. What it looks at or says changes with its version only."""

    name: str
    version: int
    ask: Callable[[Claim, Rulebook], Objection | None]


def review(claim: Claim, rules: Rulebook) -> Objection | None:
    """What the first rule that objects to this send says; None where it may go out."""
    for rule in RULES:
        if objection := rule.ask(claim, rules):
            return objection
    return None


def withhold(claim: Claim, objection: Objection, rules: Rulebook) -> Outcome:
    """What a claim comes to that is not sent, with all that was asked: no request was made."""
    asked = _asked(claim, rules)
    match objection:
        case Expire(reason=reason):
            return _withheld(claim, Status.EXPIRED, "deadline", reason, asked)
        case Suppress(rule=rule, reason=reason):
            return _withheld(claim, Status.SUPPRESSED, rule, reason, asked)
        case Defer(rule=rule, reason=reason, due_in=due_in):
            return _withheld(claim, Status.SCHEDULED, rule, reason, asked, due_in)
        case _:
            assert_never(objection)


def sift(claims: Sequence[Claim], rules: Rulebook) -> tuple[list[Claim], list[Outcome]]:
    """Those of these claims that may be sent, and what the others come to."""
    passed: list[Claim] = []
    withheld: list[Outcome] = []
    for claim in claims:
        objection = review(claim, rules)
        if objection is None:
            passed.append(claim)
        else:
            withheld.append(withhold(claim, objection, rules))
    return passed, withheld


def _asked(claim: Claim, rules: Rulebook) -> list[dict[str, str | int]]:
    """Every rule that was asked, with what it said; the last one objected."""
    asked: list[dict[str, str | int]] = []
    for rule in RULES:
        objection = rule.ask(claim, rules)
        said = objection.reason if objection else NOTHING
        asked.append({"rule": rule.name, "version": rule.version, "said": said})
        if objection:
            break
    return asked


def _without_consent(claim: Claim, rules: Rulebook) -> Objection | None:
    word = last_word(claim.said, claim.category) if claim.said else None
    if word is Consent.OPTED_OUT:
        return Suppress(rule="opt_out", reason="The recipient opted out.")
    if word is None and claim.category in rules.with_consent:
        reason = f"A {claim.category} text needs an opt-in, and none is on record."
        return Suppress(rule="consent", reason=reason)
    return None


def _too_late(claim: Claim, _: Rulebook) -> Objection | None:
    """A text that Twilio keeps for later must still be in time when its time comes."""
    if claim.expires_in is None or claim.expires_in > (claim.send_in or timedelta(0)):
        return None
    return Expire(reason="Its deadline passed before it could be sent.")


def _at_quiet_hour(claim: Claim, rules: Rulebook) -> Objection | None:
    """A text that may not go out at this hour, nor at the one at which Twilio would send it."""
    quiet_hours = rules.quiet_hours
    if claim.claimed_at is None or not quiet_hours.concern(claim.category, urgent=claim.urgent):
        return None
    recipient = Recipient(
        phone=claim.recipient_phone,
        category=claim.category,
        time_zone=claim.time_zone,
        urgent=claim.urgent,
    )
    quiet = quiet_hours.wait(recipient, claim.claimed_at + (claim.send_in or timedelta(0)))
    if quiet is None:
        return None
    due_in = quiet.until - claim.claimed_at
    if claim.expires_in is not None and claim.expires_in <= due_in:
        return Expire(reason=f"Its deadline comes before it may go out. {quiet.sentence}")
    return Defer(rule="quiet_hours", reason=quiet.sentence, due_in=due_in)


def _dead_number(claim: Claim, _: Rulebook) -> Objection | None:
    if claim.dead_code is None:
        return None
    reason = f"The number takes no texts: a carrier reported {claim.dead_code}."
    return Suppress(rule="dead_number", reason=reason)


def _out_of_bounds(claim: Claim, rules: Rulebook) -> Objection | None:
    """A number that texts may not go to, whoever handed it over, and however long ago."""
    reason = rules.destinations.why_not(claim.recipient_phone)
    return Suppress(rule="destination", reason=reason) if reason else None


def _withheld(
    claim: Claim,
    status: Status,
    rule: str,
    reason: str,
    asked: list[dict[str, str | int]],
    due_in: timedelta | None = None,
) -> Outcome:
    return Outcome(
        job_id=claim.id,
        attempt=claim.attempt,
        status=status,
        due_in=due_in,
        error_details={"message": reason, "rule": rule},
        details={"answer": "withheld", "rule": rule, "reason": reason, "asked": asked},
    )


RULES = (
    Rule(name="consent", version=1, ask=_without_consent),
    Rule(name="deadline", version=1, ask=_too_late),
    Rule(name="dead_number", version=1, ask=_dead_number),
    Rule(name="destination", version=1, ask=_out_of_bounds),
    Rule(name="quiet_hours", version=VERSION, ask=_at_quiet_hour),
)
"""In the order in which they are asked, once a text is claimed."""
