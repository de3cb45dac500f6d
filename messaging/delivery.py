"""Delivers jobs: leave, claim, review, send, settle. What survives a crash is in Postgres."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import takewhile

from messaging import events
from messaging.domain.entries import Hint
from messaging.domain.job import Claim, JobId, Lane
from messaging.domain.outcome import Outcome
from messaging.domain.review import sift
from messaging.postgres import queues
from messaging.redis.throttle import AWAY, Grant
from messaging.runtime import Runtime
from messaging.steps import breaking
from messaging.steps.claiming import claim
from messaging.steps.leave import get_ready, segments_of, units_of
from messaging.steps.sending import announce, send_claims
from messaging.steps.settling import settle
from messaging.twilio.room import Room

_PATIENCE = timedelta(seconds=5)
"""How long a task waits for leave before it puts the rest of its jobs off."""
_WITHOUT_REDIS = timedelta(seconds=2)
"""How long jobs are put off when Redis is away."""
_TAKEN = timedelta(seconds=2)
"""How long entries are put off whose jobs were not to be claimed."""
_CROWDED = timedelta(milliseconds=20)
"""How long a task waits for Twilio to take more requests before it looks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a task did: jobs by the status that they came to, and how many it put off."""

    outcomes: Counter[str] = field(default_factory=Counter)
    put_off: int = 0

    def __str__(self) -> str:
        parts = [f"{count} {status}" for status, count in sorted(self.outcomes.items())]
        parts += [f"{self.put_off} put off"] if self.put_off else []
        return ", ".join(parts) or "nothing to do"


def deliver(rt: Runtime, lane: Lane, hints: Sequence[Hint]) -> Delivered:
    """Sends those of these jobs that are still to be sent, each at most once, and settles them.

    Raises psycopg.OperationalError, psycopg_pool.PoolTimeout or redis.RedisError where our own
    infrastructure fails; whatever was claimed by then is found by the sweep.
    """
    outcomes: Counter[str] = Counter()
    waiting = list(hints)
    until = rt.monotonic() + _PATIENCE.total_seconds()
    while waiting:
        if rt.stopping.is_set():
            give_back(rt, lane, waiting)
            break
        with rt.twilio.room(len(waiting)) as room:
            grant = _ask_for_leave(rt, lane, waiting, room)
            room.texts = grant.texts
            admitted, waiting = waiting[: grant.texts], waiting[grant.texts :]
            if admitted:
                outcomes += _deliver_admitted(rt, lane, admitted, grant, room)
                until = rt.monotonic() + _PATIENCE.total_seconds()
                continue
        if grant.paused or rt.monotonic() + grant.wait.total_seconds() > until:
            _put_off(rt, lane, waiting, grant.wait)
            break
        rt.wait(grant.wait)
    events.chunk_delivered(lane=lane, outcomes=outcomes, put_off=len(waiting))
    return Delivered(outcomes=outcomes, put_off=len(waiting))


def give_back(rt: Runtime, lane: Lane, hints: Sequence[Hint]) -> None:
    """Makes entries that this process took and will not deliver visible to others again."""
    if hints:
        _put_off(rt, lane, hints, timedelta(0))
        events.entries_given_back(lane=lane, jobs=len(hints))


def _deliver_admitted(
    rt: Runtime, lane: Lane, hints: Sequence[Hint], grant: Grant, room: Room
) -> Counter[str]:
    entries = {hint.job_id: hint.msg_id for hint in hints}
    # Before the claim: what fails here has claimed nothing.
    book = rt.rulebooks.of(rt.db.connection, rt.bounds.of(rt.db.connection))
    claimed, write_before = claim(rt, list(entries), urgent=lane is Lane.URGENT)
    claims, withheld = sift(claimed, book.rules)
    room.texts = len(claims)
    rt.throttle.give_back(grant, _unused(hints, claims))
    breaking.probe(grant.passage)

    settled: Counter[str] = Counter()
    if withheld:
        settled.update(_count(withheld, settle(rt, withheld, lane.queue, entries, book.key)))
    told = bool(claims) or breaking.note(rt, grant.passage, [])
    for attempts in send_claims(
        rt,
        claims,
        write_before,
        urgent=lane is Lane.URGENT,
        units=segments_of(rt, hints),
        passage=grant.passage,
    ):
        room.texts -= len(attempts)
        outcomes = [attempt.outcome for attempt in attempts]
        settled.update(_count(outcomes, settle(rt, outcomes, lane.queue, entries, book.key)))
        announce(attempts)
        # Redis comes last, because a Redis that fails must not cost an answer.
        told = told and breaking.note(rt, grant.passage, attempts)
    # Somebody else's by now, or not to be sent: the bridge is to see soon what became of them.
    _put_off(rt, lane, _not_ours(hints, claimed), _TAKEN)
    return settled


def _not_ours(hints: Sequence[Hint], claimed: Sequence[Claim]) -> list[Hint]:
    """Those of these jobs that the claim did not get."""
    if len(claimed) == len(hints):
        return []
    ours = {claim.id for claim in claimed}
    return [hint for hint in hints if hint.job_id not in ours]


def _unused(hints: Sequence[Hint], claims: Sequence[Claim]) -> int:
    """How many texts at the end of a grant are not ours to send."""
    if len(claims) == len(hints):
        return 0
    ours = {claim.id for claim in claims}
    return sum(1 for _ in takewhile(lambda hint: hint.job_id not in ours, reversed(hints)))


def _count(outcomes: Sequence[Outcome], unsettled: set[JobId]) -> list[str]:
    if unsettled:
        events.answer_late(jobs=len(unsettled))
        outcomes = [outcome for outcome in outcomes if outcome.job_id not in unsettled]
    return [outcome.status.value for outcome in outcomes]


def _ask_for_leave(rt: Runtime, lane: Lane, waiting: Sequence[Hint], room: Room) -> Grant:
    """Leave to claim as many as there is room for."""
    if not room.texts:
        return Grant(texts=0, wait=_CROWDED)
    get_ready(rt, room.texts)
    try:
        return rt.throttle.leave(units_of(rt, waiting[: room.texts]), lane)
    except AWAY:
        # Celery cannot try the task again: it would keep it in Redis.
        _put_off(rt, lane, waiting, _WITHOUT_REDIS)
        raise


def _put_off(rt: Runtime, lane: Lane, hints: Sequence[Hint], wait: timedelta) -> None:
    """Gives entries back, to be read again after this time."""
    if hints:
        with rt.db.connection() as conn:
            queues.release(conn, lane.queue, [hint.msg_id for hint in hints], wait)
