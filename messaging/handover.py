"""Hands texts for later over to Twilio's own scheduling, and takes them back.

An option: the record of what is scheduled stays here. Twilio keeps a text between 300 seconds
and 35 days ahead (its page on message scheduling, error 35114); we stay well within both.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from operator import attrgetter

from messaging import events
from messaging.domain.answers import Canceling, Listed
from messaging.domain.job import Claim, JobId, Lane, Sid
from messaging.domain.receipt import Receipt
from messaging.domain.review import sift
from messaging.postgres import bare, jobs, kept
from messaging.postgres.connect import single
from messaging.postgres.kept import Recall
from messaging.redis.throttle import Grant
from messaging.rulebooks import Book
from messaging.runtime import Runtime
from messaging.steps import breaking
from messaging.steps.learning import record
from messaging.steps.leave import get_ready
from messaging.steps.preparing import prepare_jobs
from messaging.steps.sending import announce, send_claims
from messaging.steps.settling import settle
from messaging.steps.standing import standings

SOONEST = timedelta(minutes=15)
"""Texts due sooner stay with us: a slow hand-over must never fall below Twilio's 300 seconds."""
LATEST = timedelta(days=34)
_RUN = timedelta(seconds=5)
"""How long texts are taken back or asked after in one go; the rest comes back by its lease."""
_LEASE = timedelta(seconds=30)
_LOOK_AGAIN = timedelta(minutes=5)
_MOST = 100


def hand_over(rt: Runtime) -> int:
    """Hands jobs that fit Twilio's window over; returns how many Twilio keeps now.

    What Twilio refuses or does not answer stays scheduled with us and is sent at its time.
    """
    # A text that Twilio keeps goes out at its time, whatever a cap has room for then.
    if not rt.settings.twilio_native_scheduling or rt.settings.caps:
        return 0
    with rt.db.connection() as conn:
        unprepared = bare.unprepared_soon(conn, SOONEST, LATEST, _MOST)
    prepare_jobs(rt, unprepared)
    taken = claimed = 0
    for _ in rt.while_there_is_time(range(_MOST), _RUN):
        get_ready(rt, 1)
        grant = rt.throttle.leave([1] * (_MOST - claimed), Lane.NORMAL)
        if grant.texts:
            book = rt.rulebooks.of(rt.db.connection, rt.bounds.of(rt.db.connection))
            claims, write_before = _claim(rt, grant, book)
            taken += _hand_over(rt, claims, write_before, grant, book.key)
            claimed += len(claims)
            if claimed == _MOST or len(claims) < grant.texts:
                break
        if grant.wait > _RUN:
            break
        rt.wait(grant.wait)
    if taken:
        events.job_handed_over(jobs=taken)
    return taken


def _claim(rt: Runtime, grant: Grant, book: Book) -> tuple[list[Claim], float]:
    """As many jobs as there is leave for, and until when they may be written."""
    with rt.db.connection() as conn:
        write_before = rt.monotonic() + rt.settings.send_deadline
        said = partial(standings, conn, keyring=rt.settings.keyring)
        lined = rt.settings.lines.lined
        claimed = jobs.claim_for_handover(
            conn, SOONEST, LATEST, rt.settings.lease, grant.texts, lined, said
        )
    claims, withheld = sift(claimed, book.rules)
    rt.throttle.give_back(grant, grant.texts - len(claims))
    if withheld:
        settle(rt, withheld, queue=None, rules=book.key)
    return claims, write_before


def _hand_over(
    rt: Runtime, claims: Sequence[Claim], write_before: float, grant: Grant, rules: str
) -> int:
    """How many of these Twilio keeps now. To the limits each is one request."""
    taken = 0
    breaking.probe(grant.passage)
    told = bool(claims) or breaking.note(rt, grant.passage, [])
    for attempts in send_claims(rt, claims, write_before, passage=grant.passage):
        outcomes = [attempt.outcome for attempt in attempts]
        settle(rt, outcomes, queue=None, rules=rules)
        taken += sum(outcome.handed_over for outcome in outcomes)
        announce(attempts)
        told = told and breaking.note(rt, grant.passage, attempts)
    return taken


def take_back(rt: Runtime) -> int:
    """Asks Twilio to drop texts that were canceled or rescheduled here; how many it dropped."""
    taken = 0
    for _ in rt.while_there_is_time(range(_MOST), _RUN):
        with single(rt.db) as conn:
            wanted = kept.recall_due(conn, _LEASE)
        answers = rt.twilio.cancel([recall.twilio_sid for recall in wanted])
        _note(rt, dict(zip(wanted, answers, strict=True)))
        taken += answers.count(Canceling.CANCELED)
        if Canceling.CANCELED not in answers:
            break  # none is left, or Twilio answers none
    return taken


def follow(rt: Runtime) -> int:
    """Asks after texts whose time has passed at Twilio without a receipt; how many it knew."""
    with rt.db.connection() as conn:
        silent = kept.handover_due(conn, _LOOK_AGAIN)
    return sum(_follow_one(rt, *job) for job in rt.while_there_is_time(silent, _RUN))


def _note(rt: Runtime, answers: Mapping[Recall, Canceling]) -> None:
    """Writes what Twilio said, what it dropped in one commit: a STOP may end hundreds of texts."""
    ordered = sorted(answers, key=attrgetter("id"))  # as everybody locks them
    dropped = [recall for recall in ordered if answers[recall] is Canceling.CANCELED]
    too_late = [recall for recall in ordered if answers[recall] is Canceling.TOO_LATE]
    if dropped:
        with rt.db.connection() as conn:
            kept.recalled(conn, dropped)
    if too_late:
        with rt.db.connection() as conn:
            kept.recall_too_late(conn, too_late, _LOOK_AGAIN)
    for recall, answer in answers.items():
        events.job_recalled(job_id=recall.id, result=answer)


def _follow_one(rt: Runtime, job_id: JobId, sid: Sid) -> bool:
    answer = rt.twilio.fetch(sid)
    if answer is None:
        with rt.db.connection() as conn:
            kept.gone_at_twilio(conn, job_id, sid)
        return True
    if not isinstance(answer, Listed):
        return False
    receipt = Receipt(sid=sid, status=answer.status, job_id=job_id, error_code=answer.error_code)
    with rt.db.connection() as conn:
        record(conn, [receipt], rt.settings)
    return True
