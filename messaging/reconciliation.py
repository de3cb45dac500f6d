"""Reconciles jobs in doubt: asks Twilio whether it has their texts, and never guesses."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from messaging import events
from messaging.domain.answers import Listed, Unanswered
from messaging.domain.doubt import (
    Doubt,
    LookAgain,
    by_policy,
    find_own,
    found,
    not_found,
    strangers,
)
from messaging.domain.job import Phone, Sid
from messaging.domain.outcome import Outcome
from messaging.postgres import doubts, jobs
from messaging.postgres.connect import REFUSALS, single
from messaging.runtime import Runtime
from messaging.steps.insisting import insist

_LEASE = timedelta(seconds=8)
"""How long one look may take before another worker looks too, which is harmless."""
_AGAIN = timedelta(seconds=3)
"""How long a job waits for the next look after one that Twilio did not answer."""
_LONGEST = timedelta(seconds=30)
"""How long what a look told is kept while Postgres is away. Later somebody looks again."""
_BATCH = 16
_AT_ONCE = 8
"""Questions under way at a time, and connections to Postgres in use."""
_RUN = timedelta(seconds=5)
"""How long one run goes on; beat starts the next, and what was leased in vain comes back."""


def reconcile(rt: Runtime) -> int:
    """Looks for some seconds at jobs in doubt that want a look; how many are no longer in doubt."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="reconcile") as pool:
        return sum(
            sum(pool.map(lambda alike: _reconcile_in_turn(rt, alike), _by_recipient(batch)))
            for batch in rt.while_there_is_time(_due(rt), _RUN)
        )


def _due(rt: Runtime) -> Iterator[Sequence[Doubt]]:
    while True:
        with single(rt.db) as conn:
            due = doubts.in_doubt_due(conn, _LEASE, _BATCH)
        yield due
        if len(due) < _BATCH:
            return


def _by_recipient(batch: Sequence[Doubt]) -> Sequence[Sequence[Doubt]]:
    """One after the other where texts go to one number: two alike must not both find one SID."""
    groups: defaultdict[Phone, list[Doubt]] = defaultdict(list)
    for doubt in batch:
        groups[doubt.recipient_phone].append(doubt)
    return list(groups.values())


def _reconcile_in_turn(rt: Runtime, alike: Sequence[Doubt]) -> int:
    return sum(_reconcile_one(rt, doubt) for doubt in rt.while_there_is_time(alike, _RUN))


def _reconcile_one(rt: Runtime, doubt: Doubt) -> bool:
    verdict = by_policy(doubt, rt.rules.default_policy) or _ask_twilio(rt, doubt)
    try:
        return insist(rt, lambda: _note(rt, doubt, verdict), _LONGEST)
    except REFUSALS as error:
        # Another process has given this SID to a text just like it, at this very moment.
        events.lookup_failed(job_id=doubt.id, reason=type(error).__name__)
        return False


def _note(rt: Runtime, doubt: Doubt, verdict: Outcome | LookAgain | None) -> bool:
    """Writes what a look told; whether the doubt is over now."""
    with rt.db.connection() as conn:
        if verdict is None:
            doubts.note_silence(conn, doubt, _AGAIN)
            return False
        if isinstance(verdict, LookAgain):
            doubts.note_clean_read(conn, doubt, verdict.wait)
            return False
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
    owned = insist(rt, lambda: _owned(rt, listed), _LONGEST)
    ours = [message for message in listed if message.is_from(rt.settings.senders)]
    own = find_own(doubt, ours, owned)
    if own is not None:
        return found(doubt, own)
    others = len(strangers(doubt, listed, owned))
    return not_found(doubt, timedelta(seconds=rt.settings.quiescence), others)


def _owned(rt: Runtime, listed: Sequence[Listed]) -> set[Sid]:
    with rt.db.connection() as conn:
        return doubts.owned_sids(conn, [message.sid for message in listed])
