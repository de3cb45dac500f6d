"""Compares the two records: what was lost, doubled, falsely called sent, or got stuck. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from messaging.domain.job import FINAL, Status
from messaging.local.chaos.records import Happening, Job, Records
from messaging.local.twilio import Accepted

_FINAL = frozenset(status.value for status in FINAL)
_ENDS = ("settled", "swept")
"""What takes a job out of processing, besides a receipt that comes before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Ids of jobs by what is wrong with them: all of it empty where nothing is.

    `lost`: committed, and Twilio never had it, though nothing forbade it. `doubled`: Twilio
    accepted it more than once. `falsely_sent`: marked as sent without the SID of its own text.
    `denied`: Twilio has it, and it is marked as not sent. `stuck`: in a state that is not
    final. `held`: it waits for a person. `journal`: an attempt without exactly one end.
    """

    lost: Sequence[str] = ()
    doubled: Sequence[str] = ()
    falsely_sent: Sequence[str] = ()
    denied: Sequence[str] = ()
    stuck: Sequence[str] = ()
    held: Sequence[str] = ()
    journal: Sequence[str] = ()

    @property
    def by_kind(self) -> Mapping[str, Sequence[str]]:
        """All of it, by the names of the fields."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def is_clean(self) -> bool:
        """Whether every text was sent once, and everything says so."""
        return not any(self.by_kind.values())


def compare(records: Records, missing: Sequence[str] = ()) -> Findings:
    """What is wrong. `missing` names texts that were committed and have no row at all."""
    accepted = _by_body(records.ledger)
    jobs = records.jobs
    return Findings(
        lost=[*missing, *(job.id for job in jobs if _is_lost(job, accepted))],
        doubled=_doubled(jobs, records.ledger, accepted),
        falsely_sent=[job.id for job in jobs if _is_falsely_sent(job, accepted)],
        denied=[job.id for job in jobs if _is_denied(job, accepted)],
        stuck=[job.id for job in jobs if _is_stuck(job)],
        held=[job.id for job in jobs if job.status == Status.HELD],
        journal=[] if records.journal is None else _unbalanced(jobs, records.journal),
    )


def _by_body(ledger: Iterable[Accepted]) -> Mapping[str, Sequence[Accepted]]:
    found: defaultdict[str, list[Accepted]] = defaultdict(list)
    for text in ledger:
        found[text.body].append(text)
    return found


def _is_lost(job: Job, accepted: Mapping[str, Sequence[Accepted]]) -> bool:
    """Twilio refused it for good, or its time is still to come: else it should be there."""
    refused = job.status == Status.FAILED and job.error_code is not None
    waits = job.waits and job.status == Status.SCHEDULED
    return job.body not in accepted and not refused and not waits


def _doubled(
    jobs: Sequence[Job], ledger: Iterable[Accepted], accepted: Mapping[str, Sequence[Accepted]]
) -> list[str]:
    """By text, and by the job that the request named."""
    by_job = Counter(text.job for text in ledger)
    return [job.id for job in jobs if len(accepted.get(job.body, ())) > 1 or by_job[job.id] > 1]


def _is_falsely_sent(job: Job, accepted: Mapping[str, Sequence[Accepted]]) -> bool:
    sids = {text.sid for text in accepted.get(job.body, ())}
    return job.status == Status.SENT and job.sid not in sids


def _is_denied(job: Job, accepted: Mapping[str, Sequence[Accepted]]) -> bool:
    return job.body in accepted and job.status in _FINAL - {Status.SENT}


def _is_stuck(job: Job) -> bool:
    if job.status == Status.SCHEDULED:
        return not job.waits
    return job.status not in _FINAL | {Status.HELD}


def _unbalanced(jobs: Sequence[Job], journal: Iterable[Happening]) -> list[str]:
    """Jobs with an attempt that has no end in the journal, or more than one."""
    rows: defaultdict[str, list[Happening]] = defaultdict(list)
    for row in journal:
        rows[row.job_id].append(row)
    return [job.id for job in jobs if any(_wrong_ends(job, rows[job.id]))]


def _wrong_ends(job: Job, rows: Sequence[Happening]) -> Iterator[int]:
    """The attempts of a job that did not end exactly once."""
    if job.status == Status.PROCESSING:
        return
    for attempt in range(1, job.attempt + 1):
        if not _ends_once([row for row in rows if row.attempt == attempt]):
            yield attempt
    yield from (row.attempt for row in rows if row.attempt and row.attempt > job.attempt)


def _ends_once(rows: Sequence[Happening]) -> bool:
    """Whether these rows of one attempt tell of exactly one end.

    Settled by the worker, or swept after its death; or a receipt came first, and nobody needed
    to. An answer that came after the sweep, with a SID, settles the doubt, not the attempt.
    """
    ends = [row for row in rows if row.kind in _ENDS]
    if not ends:
        return any(row.kind in ("receipt", "late_answer") for row in rows)
    first, *more = ends
    late = [row for row in more if row.kind == "settled" and row.sid]
    return not more or (first.kind == "swept" and len(more) == len(late) == 1)
