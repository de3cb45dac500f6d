"""The verdict on a run: from the records and from what was done, to its outcome. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from messaging.local.chaos import recovery
from messaging.local.chaos.comparison import Findings, compare
from messaging.local.chaos.doubts import doubts
from messaging.local.chaos.log import Log
from messaging.local.chaos.options import TIMES, ChaosOptions
from messaging.local.chaos.outcome import Course, Done, Dossier, Moment, Outcome, Place
from messaging.local.chaos.records import Records
from messaging.local.chaos.recovery import Holdings, Times
from messaging.local.chaos.texts import key
from messaging.settings import Settings

_MOST_DOSSIERS = 5
"""Of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run leaves: the records, and what was done and seen in it.

    `keys` are the idempotency keys of all texts that are stored. `commits_again` counts commits
    that the producer tried once more, `decided` texts that were held and decided about; `lasted`
    is how long there was trouble, in seconds.
    """

    began: datetime
    seconds: float
    sender: str
    place: Place
    settings: Settings
    log: Log
    commits_again: int
    decided: int
    lasted: float
    holdings: Holdings
    keys: set[str]
    records: Records
    processes: int
    left: Sequence[str]


def verdict(options: ChaosOptions, found: Found) -> Outcome:
    """What it all comes to."""
    settings, records = found.settings, found.records
    times = Times(
        entry_lease=settings.entry_lease,
        send_lease=settings.send_lease,
        quiescence=settings.quiescence,
    )
    findings = compare(records, _missing(options, found.keys))
    blows = found.log.blows
    return Outcome(
        is_passed=findings.is_clean and not found.left,
        sender=found.sender,
        is_baseline=options.baseline,
        began=found.began.isoformat(timespec="seconds"),
        seed=options.seed,
        messages=options.messages,
        planned_kills=options.kills,
        trouble_seconds=round(found.lasted, 1),
        total_seconds=round(found.seconds, 1),
        times={name: getattr(settings, name) for name in TIMES},
        place=found.place,
        done=_done(found),
        committed=len(records.jobs),
        accepted=len(records.ledger),
        statuses=dict(Counter(job.status for job in records.jobs)),
        findings=findings,
        decided=found.decided,
        doubts=doubts(records.journal or ()),
        unsent=recovery.unsent(records, found.holdings, blows, times),
        in_doubt=recovery.in_doubt(records, found.holdings, blows, times),
        processes=found.processes,
        left=found.left,
        course=_course(records, found.log),
        dossiers=_dossiers(findings, records),
    )


def _missing(options: ChaosOptions, keys: set[str]) -> list[str]:
    """Keys of texts whose commit was confirmed, and that are not there."""
    wanted = (key(options.seed, number) for number in range(options.messages))
    return [one for one in wanted if one not in keys]


def _done(found: Found) -> Done:
    return Done(
        kills=dict(found.log.kills),
        others=dict(found.log.others),
        faults=dict(found.log.faults),
        commits_again=found.commits_again,
    )


def _course(records: Records, log: Log) -> Course:
    began = log.moments[0].at if log.moments else 0.0
    counts = Counter(int(text.at - began) for text in records.ledger if text.at >= began)
    return Course(
        accepted=[counts[second] for second in range(max(counts, default=-1) + 1)],
        moments=[Moment(at=round(one.at - began, 2), what=one.what) for one in log.moments],
    )


def _dossiers(findings: Findings, records: Records) -> list[Dossier]:
    """Of the first texts of each kind."""
    kinds = findings.by_kind
    first = dict.fromkeys(id for ids in kinds.values() for id in ids[:_MOST_DOSSIERS])
    return [
        _dossier(id, [kind for kind, ids in kinds.items() if id in ids], records) for id in first
    ]


def _dossier(id: str, kinds: Sequence[str], records: Records) -> Dossier:
    job = next((job for job in records.jobs if job.id == id), None)
    return Dossier(
        wrong=kinds,
        job=job,
        journal=[row for row in records.journal or () if row.job_id == id],
        ledger=[
            text for text in records.ledger if text.job == id or (job and text.body == job.body)
        ],
    )
