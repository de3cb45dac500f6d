"""Doubts: which texts were ever in doubt, why, and how each doubt ended. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from messaging.domain.job import Status
from messaging.local.chaos.records import Happening


class Cause(StrEnum):
    """Why a text was in doubt."""

    SWEPT = "the worker did not come back"
    UNSEEN = "Twilio's answer was not seen"


class End(StrEnum):
    """How a doubt ended."""

    RECEIPT = "a receipt came"
    FOUND = "found in Twilio's list"
    LATE = "the answer came late"
    AGAIN = "proved not sent, and sent again"
    HELD = "held for a person"
    GIVEN_UP = "given up"
    OPEN = "still open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """Attempts that were in doubt, counted by cause and by end."""

    total: int
    causes: dict[str, int]
    ends: dict[str, int]


def doubts(journal: Iterable[Happening]) -> Doubts:
    """All that the journal knows of doubts."""
    rows: defaultdict[str, list[Happening]] = defaultdict(list)
    for row in journal:
        rows[row.job_id].append(row)
    found = [pair for of_job in rows.values() for pair in _of_job(of_job)]
    return Doubts(
        total=len(found),
        causes=dict(Counter(cause.value for cause, _ in found)),
        ends=dict(Counter(end.value for _, end in found)),
    )


def _of_job(rows: Sequence[Happening]) -> Iterator[tuple[Cause, End]]:
    for place, row in enumerate(rows):
        if row.status != Status.IN_DOUBT:
            continue
        cause = Cause.SWEPT if row.kind == "swept" else Cause.UNSEEN
        yield cause, _end(rows[place + 1 :])


def _end(later: Iterable[Happening]) -> End:
    """What the first of the later rows that ends a doubt says."""
    return next((end for row in later if (end := _said(row)) is not None), End.OPEN)


def _said(row: Happening) -> End | None:
    if row.kind == "reconciled":
        if row.sid:
            return End.FOUND
        again = row.status in (Status.PENDING, Status.SCHEDULED)
        return End.AGAIN if again else End.HELD if row.status == Status.HELD else End.GIVEN_UP
    if not row.sid:
        return None
    return End.RECEIPT if row.kind == "receipt" else End.LATE
