"""A job in doubt: was its text sent? Decided from Twilio's own list. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from messaging.domain.answers import Listed
from messaging.domain.job import InDoubtPolicy, JobId, Phone, Sid, Status
from messaging.domain.outcome import MAX_RESENDS, AtTwilio, Details, Outcome, taken

CLEAN_READS = 2
"""Full reads of Twilio's list that must not show a text before it counts as not sent."""
CLOCK_SKEW = timedelta(minutes=2)
"""How far Twilio's clock and the database's may be apart."""
TRIAL_PREFIX = "Sent from your Twilio trial account - "
"""What Twilio puts before every text of a trial account, also in its own list of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A job in doubt. `age` is the time since its intention was committed.

    `in_doubt_policy` is the job's, or else its template's.
    """

    id: JobId
    attempt: int
    recipient_phone: Phone
    message_content: str
    has_media: bool
    in_doubt_policy: InDoubtPolicy | None
    doubt_resends: int
    clean_reads: int
    claimed_at: datetime
    age: timedelta
    send_in: timedelta | None
    expires_in: timedelta | None = None

    @property
    def since(self) -> datetime:
        """No message of this attempt is older than this at Twilio."""
        return self.claimed_at - CLOCK_SKEW


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAgain:
    """The list was read in full and did not show the text; that is not proof yet."""

    wait: timedelta


def find_own(doubt: Doubt, listed: Iterable[Listed], owned: Collection[Sid]) -> Listed | None:
    """The listed message that is this job's: same body, outbound, young enough, nobody else's.

    The earliest one, where there are several.
    """
    others = strangers(doubt, listed, owned)
    exact = [m for m in others if m.body == doubt.message_content]
    alike = exact or [m for m in others if without_prefix(m.body) == doubt.message_content]
    return min(alike, key=_age, default=None)


def without_prefix(body: str) -> str:
    """The text as it was handed to Twilio: the one alteration that can be taken back exactly.

    Other alterations (link shortening, smart encoding) are not guessed: a text that may be
    altered is held.
    """
    return body.removeprefix(TRIAL_PREFIX)


def strangers(doubt: Doubt, listed: Iterable[Listed], owned: Collection[Sid]) -> tuple[Listed, ...]:
    """The listed messages to this number that are young enough and that no job owns.

    One that was canceled at Twilio never went out: it is what is left of a text that was taken
    back, and no sign of this one.
    """
    return tuple(
        message
        for message in listed
        if message.direction.startswith("outbound")
        and message.sid not in owned
        and message.status != "canceled"
        and (message.date_created is None or message.date_created >= doubt.since)
    )


def found(doubt: Doubt, message: Listed) -> Outcome:
    """Twilio has the text: sent, or kept by Twilio until its time."""
    text = AtTwilio(
        sid=message.sid,
        status=message.status,
        send_in=doubt.send_in,
        error_code=message.error_code,
    )
    return as_found(taken(doubt.id, doubt.attempt, text))


def as_found(outcome: Outcome, by: str | None = None) -> Outcome:
    """The outcome of a text that Twilio's list shows; `by` is who had the list read."""
    details: Details = {"answer": "found at Twilio", **({"by": by} if by else {})}
    return replace(outcome, kind="reconciled", details=details)


def not_found(doubt: Doubt, quiescence: timedelta, others: int = 0) -> Outcome | LookAgain:
    """What a full read of the list that did not show the text comes to.

    `others` counts messages to the number that no job owns. One of them may be this text with a
    body that Twilio altered (link shortening, redaction): that is not guessed.
    """
    enough_reads = doubt.clean_reads + 1 >= CLEAN_READS
    if not enough_reads or doubt.age < quiescence:
        return LookAgain(wait=max(quiescence - doubt.age, timedelta(seconds=5)))
    if doubt.doubt_resends >= MAX_RESENDS:
        return _settled(doubt, Status.HELD, "sent again twice out of doubt already")
    if others:
        return _settled(doubt, Status.HELD, "Twilio sent the number a text that may be this one")
    return _again(doubt, "not at Twilio")


def by_policy(doubt: Doubt, default: InDoubtPolicy) -> Outcome | None:
    """What the job's policy says without asking Twilio; None where Twilio is to be asked."""
    if doubt.attempt == 0:
        return _settled(doubt, Status.HELD, "another program had it in processing")
    policy = doubt.in_doubt_policy or default
    match policy:
        case InDoubtPolicy.RECONCILE:
            # A text whose media alone identify it cannot be told apart in Twilio's list.
            alike = doubt.has_media and not doubt.message_content
            return _settled(doubt, Status.HELD, "a picture without a text") if alike else None
        case InDoubtPolicy.HOLD:
            return _settled(doubt, Status.HELD, "policy hold")
        case InDoubtPolicy.FAIL:
            return _settled(doubt, Status.FAILED, "policy fail")
        case InDoubtPolicy.RESEND:
            if doubt.doubt_resends >= MAX_RESENDS:
                return _settled(doubt, Status.HELD, "sent again twice out of doubt already")
            return _again(doubt, "policy resend")
        case _:
            assert_never(policy)


def _again(doubt: Doubt, reason: str) -> Outcome:
    """Sent once more, at once or at its time where that is still to come; not past its deadline."""
    if doubt.expires_in is not None and doubt.expires_in <= (doubt.send_in or timedelta(0)):
        return _too_late(doubt, reason)
    if doubt.send_in is not None:
        return _settled(doubt, Status.SCHEDULED, reason, due_in=doubt.send_in)
    return _settled(doubt, Status.PENDING, reason, due_in=timedelta(0))


def _too_late(doubt: Doubt, reason: str) -> Outcome:
    return Outcome(
        job_id=doubt.id,
        attempt=doubt.attempt,
        status=Status.EXPIRED,
        error_details={"message": "Its deadline passed while it was in doubt."},
        kind="reconciled",
        details={"answer": "not found", "reason": reason},
    )


def _settled(doubt: Doubt, status: Status, reason: str, due_in: timedelta | None = None) -> Outcome:
    again = status in (Status.PENDING, Status.SCHEDULED)
    return Outcome(
        job_id=doubt.id,
        attempt=doubt.attempt,
        status=status,
        due_in=due_in if again else None,
        doubt_resends=doubt.doubt_resends + 1 if again else None,
        error_details=None if again else {"message": f"In doubt: {reason}."},
        kind="reconciled",
        details={"answer": "not found" if again else "undecided", "reason": reason},
    )


def _age(message: Listed) -> float:
    return message.date_created.timestamp() if message.date_created else float("inf")
