"""Recovery: how long after a kill what it had interrupted was sent, or known to be. Pure.

A text counts where its queue entry was leased in vain (not yet sent): somebody was killed while it
was leased, and nobody claimed it before it was leased again, or its lease ran out. Or it counts
where its attempt was swept (in doubt). Time runs from the first kill that may have been it: the
first one after the lease or the claim, of anybody who may hold messages. So it is never too
short. Not yet sent, it ends when somebody claims the text or Twilio accepts it; of a text that was
leased in vain several times, the longest counts. In doubt, it ends when the text's SID is known,
or when it is decided what becomes of it; where it is proved that nothing was sent, when the next
attempt begins or is accepted.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from messaging.local.bench.figures import percentile
from messaging.local.chaos.records import Happening, Records

_SETTLING = ("reconciled", "resolved")
"""Rows of the journal that settle a doubt, besides all that name a SID."""
_SLOWEST = 10
"""So many texts that took longest are named."""
_TO_BE_SENT = "pending"
"""The status that they leave where the text is to be sent again, and it is not over yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """When each job's queue entry was leased, and when each attempt was claimed; since 1970."""

    leases: Mapping[str, Sequence[float]]
    claims: Mapping[tuple[str, int], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The protocol's times that recovery depends on, in seconds."""

    entry_lease: float
    send_lease: float
    quiescence: float

    @property
    def unsent(self) -> float:
        """What a text that was not sent yet may take: 65 s with the usual times."""
        return self.entry_lease + 15

    @property
    def in_doubt(self) -> float:
        """What a text in doubt may take: 90 s with the usual times."""
        return max(self.quiescence, self.send_lease + 15) + 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Texts that were interrupted in one way: seconds until they were all right again."""

    texts: int
    p50: float | None
    p99: float | None
    longest: float | None
    limit: float
    is_within: bool
    """Whether 99 of 100 took no longer than they may."""

    slowest: Sequence[tuple[str, float]]
    """The jobs that took longest, by id, and their seconds."""


def unsent(records: Records, holdings: Holdings, blows: Sequence[float], times: Times) -> Recovery:
    """Of texts whose entry was leased in vain."""
    accepted = _accepted(records)
    busy: defaultdict[str, list[float]] = defaultdict(list)
    for (job, _), claimed in holdings.claims.items():
        busy[job].append(claimed)
    for row in records.journal or ():
        busy[row.job_id].append(row.at)
    seconds = {}
    for job, leases in holdings.leases.items():
        ends = [moment for moment in (*busy[job], accepted.get(job)) if moment is not None]
        took = list(_in_vain(leases, ends, blows, times))
        if took:
            seconds[job] = max(took)
    return _recovery(seconds.items(), times.unsent)


def in_doubt(
    records: Records, holdings: Holdings, blows: Sequence[float], times: Times
) -> Recovery:
    """Of texts whose attempt was swept."""
    rows: defaultdict[str, list[Happening]] = defaultdict(list)
    for row in records.journal or ():
        rows[row.job_id].append(row)
    begun = _begun(records, holdings)
    seconds = [
        (swept.job_id, end - blow)
        for of_job in rows.values()
        for swept, end in _doubts(of_job, begun)
        if (blow := _blow_of(swept, holdings, blows, times)) is not None
    ]
    return _recovery(seconds, times.in_doubt)


def _in_vain(
    leases: Sequence[float], ends: Sequence[float], blows: Sequence[float], times: Times
) -> Iterator[float]:
    """From the blow to the end, for each lease with a blow and nothing done under it."""
    for lease, following in zip(leases, [*leases[1:], float("inf")], strict=True):
        over = min(following, lease + times.entry_lease)
        end = min((end for end in ends if end >= lease), default=None)
        blow = _first(blows, lease, over)
        if end is not None and end > over and blow is not None:
            yield end - blow


def _doubts(
    rows: Sequence[Happening], begun: Mapping[tuple[str, int], float]
) -> Iterator[tuple[Happening, float]]:
    """Each sweep of a job, and when all was right again; none where that never came."""
    for place, row in enumerate(rows):
        if row.kind != "swept":
            continue
        attempt = (row.attempt or 0) + 1
        ends = [_settled_at(row, rows[place + 1 :]), begun.get((row.job_id, attempt))]
        known = [end for end in ends if end is not None]
        if known:
            yield row, min(known)


def _settled_at(swept: Happening, later: Iterable[Happening]) -> float | None:
    """When the journal says that the doubt was over, or that a later attempt was."""
    for row in later:
        is_over = row.kind in _SETTLING and row.status != _TO_BE_SENT
        if row.sid or is_over or (row.attempt or 0) > (swept.attempt or 0):
            return row.at
    return None


def _begun(records: Records, holdings: Holdings) -> Mapping[tuple[str, int], float]:
    """When each attempt was claimed, as far as that was seen, or else accepted by Twilio."""
    accepted = {(text.job, text.attempt or 0): text.at for text in records.ledger if text.job}
    return {**accepted, **holdings.claims}


def _blow_of(
    swept: Happening, holdings: Holdings, blows: Sequence[float], times: Times
) -> float | None:
    claimed = holdings.claims.get((swept.job_id, swept.attempt or 0), swept.at - times.send_lease)
    return _first(blows, claimed, swept.at)


def _first(blows: Sequence[float], since: float, until: float) -> float | None:
    """The first blow in a stretch of time; None where something else was to blame."""
    place = bisect_left(blows, since)
    return blows[place] if place < len(blows) and blows[place] <= until else None


def _accepted(records: Records) -> dict[str, float]:
    """When Twilio accepted each job, by its id."""
    return {text.job: text.at for text in reversed(records.ledger) if text.job}


def _recovery(took: Iterable[tuple[str, float]], limit: float) -> Recovery:
    slowest = sorted(took, key=lambda one: -one[1])
    seconds = [one for _, one in slowest]
    p50, p99 = (round(percentile(seconds, share), 1) if seconds else None for share in (0.5, 0.99))
    return Recovery(
        texts=len(seconds),
        p50=p50,
        p99=p99,
        longest=round(seconds[0], 1) if seconds else None,
        limit=limit,
        is_within=p99 is None or p99 <= limit,
        slowest=[(job, round(one, 1)) for job, one in slowest[:_SLOWEST]],
    )
