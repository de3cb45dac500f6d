"""What each SQL statement of the product does to the job, as Postgres would carry it out.

Each takes the row and returns the row afterwards. `claim`, `sweep`, `note_clean_read` are in
`messaging/postgres/sql/jobs.sql`; `settle`, `promote`, `record_receipt`, `restore_entry`,
`cancel` and `resolve` are functions of the migrations. A test puts the same rows through both.
"""

from messaging.domain.doubt import CLEAN_READS
from messaging.domain.job import Status, can_become
from messaging.domain.outcome import MAX_RESENDS
from tests.model.rules import Rules
from tests.model.state import (
    CANCELED,
    DOOMED,
    FAILED,
    HELD,
    IN_DOUBT,
    NONE,
    PENDING,
    PROCESSING,
    RETRYING,
    SENT,
    VISIBLE,
    Job,
    Written,
)

_LEGAL = {(old.value, new.value) for old in Status for new in Status if can_become(old, new)}

_OURS_TO_CANCEL = {PENDING, RETRYING, HELD}
_CANCELABLE = _OURS_TO_CANCEL | {PROCESSING, IN_DOUBT}


class Refused(Exception):
    """The trigger that guards the changes of a status refuses this one."""


def claim(rules: Rules, job: Job) -> Job | None:
    """The job in processing; None where it is not there to be claimed."""
    if not rules.intention:
        return job._replace(age=0) if job.status == PENDING else None
    if rules.exclusive_claim and job.status != PENDING:
        return None
    return _change(job, PROCESSING)._replace(age=0)


def settle(rules: Rules, job: Job, written: Written, *, last: bool, fresh: bool) -> Job:
    """The job with what an attempt came to, where it is still in that attempt.

    `fresh` says that the job's present queue entry is the one that the settle names: it goes,
    if the settle counts and leaves no doubt.
    """
    counts = not rules.fence or _is_expected(rules, job, written, last=last)
    if counts:
        job = _settled(rules, job, written)
    is_spent = written.status != IN_DOUBT and job.status != PENDING
    if fresh and (counts or written.sid) and is_spent:
        return job._replace(entry=NONE)
    return job


def sweep(rules: Rules, job: Job) -> Job:
    """A job whose send lease has run out, in doubt."""
    if rules.sweep_retries:
        return _change(job, RETRYING)
    return _change(job, IN_DOUBT)._replace(reads=0)


def note_clean_read(job: Job, *, last: bool) -> Job:
    """One more clean read, while the job is in that doubt; more than needed are not counted.

    Postgres counts one read once, however often it is noted; here two looks may both count.
    """
    if job.status != IN_DOUBT or not last:
        return job
    return job._replace(reads=min(job.reads + 1, CLEAN_READS - 1))


def promote(rules: Rules, job: Job) -> Job:
    """A job whose time has come, in the queue."""
    return _with_entry(rules, _change(job, PENDING))


def restore_entry(job: Job) -> Job:
    """A pending job with a queue entry again."""
    return job._replace(entry=VISIBLE)


def record_receipt(rules: Rules, job: Job) -> Job:
    """A signed callback: Twilio has a text of this job, whatever we believed."""
    if not job.sid and not rules.heeds_early_callbacks:
        return job
    return _change(job._replace(sid=True), SENT)


def cancel(rules: Rules, job: Job) -> Job:
    """The job canceled, or wanted canceled where somebody else has it; final ones stay."""
    if job.status in (_OURS_TO_CANCEL if rules.cancel_waits else _CANCELABLE):
        return _change(job, CANCELED)._replace(recall=False)
    return job._replace(recall=True) if job.status in _CANCELABLE else job


def resolve(rules: Rules, job: Job, decision: str) -> Job:
    """The job as a person decides: sent, resend or cancel; as it is where that is not allowed."""
    if decision == "sent" and job.status in (HELD, IN_DOUBT, FAILED, CANCELED):
        return _change(job._replace(sid=True), SENT)._replace(reads=0, recall=False)
    if decision == "cancel" and job.status in (HELD, IN_DOUBT):
        return _change(job, CANCELED)._replace(reads=0, recall=False)
    if decision == "resend" and job.status == HELD:
        again = _change(job, PENDING)._replace(resends=0, reads=0, recall=False)
        return _with_entry(rules, again)
    return job


def _is_expected(rules: Rules, job: Job, written: Written, *, last: bool) -> bool:
    if not last or job.sid:
        return False
    return (
        job.status == (PROCESSING if rules.intention else PENDING)
        or (job.status == IN_DOUBT and (written.reconciled or written.sid))
        or written.status == SENT
    )


def _settled(rules: Rules, job: Job, written: Written) -> Job:
    dropped = job.recall and written.status in (PENDING, RETRYING)
    changed = job._replace(
        recall=job.recall and written.status == IN_DOUBT,
        sid=written.sid,
        retries=job.retries if written.retries < 0 else written.retries,
        resends=_resends(rules, job, written),
        reads=0,
    )
    changed = _change(changed, CANCELED if dropped else written.status, resends_before=job.resends)
    return _with_entry(rules, changed) if changed.status == PENDING else changed


def _resends(rules: Rules, job: Job, written: Written) -> int:
    if not rules.limits_resends and written.resends > 0:
        return min(job.resends + 1, MAX_RESENDS + 1)
    return job.resends if written.resends < 0 else written.resends


def _with_entry(rules: Rules, job: Job) -> Job:
    """A new queue entry. A deletion that is under way names an older one, if it names entries."""
    if job.entry == DOOMED and not rules.deletes_by_entry:
        return job
    return job._replace(entry=VISIBLE)


def _change(job: Job, status: str, resends_before: int = -1) -> Job:
    """The trigger: what becomes what, and two proofs that it wants. Raises Refused."""
    if (job.status, status) not in _LEGAL:
        raise Refused
    if status == SENT and not job.sid:
        raise Refused
    if job.status == IN_DOUBT and status == PENDING and job.resends <= resends_before:
        raise Refused
    return job._replace(status=status)
