"""Reconciles jobs in doubt: asks Twilio whether it has their texts, and never guesses."""

from collections.abc import Iterator
from datetime import timedelta

from messaging import events
from messaging.domain.answers import Unanswered
from messaging.domain.doubt import (
    Doubt,
    LookAgain,
    by_policy,
    find_own,
    found,
    not_found,
    strangers,
)
from messaging.domain.outcome import Outcome
from messaging.postgres import jobs
from messaging.runtime import Runtime

_LEASE = timedelta(seconds=30)
"""How long one look may take before another worker looks too."""
_BATCH = 20
_RUN = timedelta(seconds=5)
"""How long one run goes on; beat starts the next, and what was leased in vain comes back."""


def reconcile(rt: Runtime) -> int:
    """Looks for some seconds at jobs in doubt that want a look; how many are no longer in doubt."""
    return sum(_reconcile_one(rt, doubt) for doubt in rt.while_there_is_time(_due(rt), _RUN))


def _due(rt: Runtime) -> Iterator[Doubt]:
    while True:
        with rt.db.connection() as conn:
            doubts = jobs.in_doubt_due(conn, _LEASE, _BATCH)
        yield from doubts
        if len(doubts) < _BATCH:
            return


def _reconcile_one(rt: Runtime, doubt: Doubt) -> bool:
    verdict = by_policy(doubt, rt.rules.default_policy) or _ask_twilio(rt, doubt)
    if verdict is None:
        return False
    if isinstance(verdict, LookAgain):
        with rt.db.connection() as conn:
            jobs.note_clean_read(conn, doubt, verdict.wait)
        return False
    with rt.db.connection() as conn:
        settled = jobs.settle(conn, [verdict], queue=None)
    if settled:
        events.doubt_ended(
            job_id=doubt.id,
            status=verdict.status,
            reason=str(verdict.details.get("reason") or verdict.details.get("answer")),
        )
    return bool(settled)


def _ask_twilio(rt: Runtime, doubt: Doubt) -> Outcome | LookAgain | None:
    """What Twilio's list says; None where it did not answer, which proves nothing."""
    listed = rt.twilio.find(doubt.recipient_phone, doubt.since)
    if isinstance(listed, Unanswered):
        events.lookup_failed(job_id=doubt.id, reason=listed.reason)
        return None
    with rt.db.connection() as conn:
        owned = jobs.owned_sids(conn, [message.sid for message in listed])
    own = find_own(doubt, listed, owned)
    if own is not None:
        return found(doubt, own)
    others = len(strangers(doubt, listed, owned))
    return not_found(doubt, timedelta(seconds=rt.settings.quiescence), others)
