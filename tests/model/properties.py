"""What must hold at every step, whatever happens."""

from collections.abc import Callable

from messaging.domain.job import FINAL, InDoubtPolicy
from messaging.domain.outcome import MAX_RESENDS
from tests.model.rules import MAX_RETRIES, Rules
from tests.model.state import CANCELED, FAILED, HELD, SENT, Move, State

Property = Callable[[Rules, State, Move], bool]
"""Whether a move from this state keeps what is promised."""

ENDS = frozenset({status.value for status in FINAL} | {HELD})
"""Where a job may stay: for good, or until a person decides."""


def not_doubled(rules: Rules, before: State, move: Move) -> bool:
    """Twilio takes one text; where the policy is to send again out of doubt, two more."""
    again = MAX_RESENDS if rules.policy is InDoubtPolicy.RESEND else 0
    return move.after.text.taken <= 1 + again


def not_falsely_sent(rules: Rules, before: State, move: Move) -> bool:
    """A job is sent exactly with a SID, and there is a SID only where Twilio took a text."""
    job = move.after.job
    return (job.status == SENT) == job.sid and (not job.sid or move.after.text.taken > 0)


def not_given_up(rules: Rules, before: State, move: Move) -> bool:
    """A job fails because Twilio refused it or its retries are spent, or by policy."""
    if move.after.job.status != FAILED or before.job.status == FAILED:
        return True
    if rules.policy is InDoubtPolicy.FAIL:
        return True
    refused = move.answer == "rejected" and not rules.gives_up
    return refused or (move.answer == "not sent" and move.after.job.retries == MAX_RETRIES)


def not_written_off(rules: Rules, before: State, move: Move) -> bool:
    """No job that Twilio was to be asked about is failed or canceled while Twilio has its text.

    Unless a person had it in hand: one that was held may be canceled, whatever is true of it.
    """
    after = move.after
    if rules.policy is not InDoubtPolicy.RECONCILE or rules.bodies_altered or rules.person:
        return True
    return after.job.status not in (FAILED, CANCELED) or after.text.taken == 0


def not_held_for_nothing(rules: Rules, before: State, move: Move) -> bool:
    """A job is held by policy, after its resends, or where Twilio has a text that may be its."""
    after = move.after
    return (
        after.job.status != HELD
        or rules.policy is InDoubtPolicy.HOLD
        or after.job.resends == MAX_RESENDS
        or after.text.altered
    )


def not_resent_without_end(rules: Rules, before: State, move: Move) -> bool:
    """A job is sent again out of doubt twice at most."""
    return move.after.job.resends <= MAX_RESENDS


def canceled_stays(rules: Rules, before: State, move: Move) -> bool:
    """A canceled job that Twilio never took stays canceled."""
    return (
        before.job.status != CANCELED or before.text.taken > 0 or move.after.job.status == CANCELED
    )


def stale_writes_nothing(rules: Rules, before: State, move: Move) -> bool:
    """Whoever has an earlier attempt than the last changes nothing of the job."""
    return not move.stale or move.after.job._replace(entry="") == before.job._replace(entry="")


def nothing_is_refused(rules: Rules, before: State, move: Move) -> bool:
    """The protocol never asks for a change that the database refuses."""
    return not move.refused


STUCK = "never_stuck"
"""From everywhere, what happens by itself leads to an end. Judged over all states at the end."""

AT_EVERY_STEP: tuple[Property, ...] = (
    not_doubled,
    not_falsely_sent,
    not_given_up,
    not_written_off,
    not_held_for_nothing,
    not_resent_without_end,
    canceled_stays,
    stale_writes_nothing,
    nothing_is_refused,
)
