"""A forecast: all that a plan tells, in figures. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from messaging.domain import sums
from messaging.domain.course import Hit, Passed, Road
from messaging.domain.sums import InCountry, InZone, Sizes, Tally
from messaging.domain.texts import Texts, instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When texts go out: the first and the last, and what the limits make of it.

    `sending` is how many seconds the texts take at the rate, without what is in front of them or
    keeps them waiting; None where there is no rate. `ahead` is how many texts of others go before
    the last of these, `ahead_for` how many seconds they take.
    """

    first: datetime | None
    last: datetime | None
    unit: str
    per_second: float | None
    sending: float | None
    ahead: int
    ahead_for: float
    deferred: int
    over_number_cap: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CapHit:
    """A cap that stops sending: first when, until when, how many of these texts wait then, and in
    how many hours or days it does so."""

    cap: str
    at: datetime
    until: datetime
    waiting: int
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The whole plan, as of `now`. Recipients, skipped and refused come to rows."""

    now: datetime
    rows: int
    recipients: int
    skipped: int
    refused: int
    skips: Mapping[str, int]
    refusals: Mapping[str, int]
    schedule: Schedule
    zones: Sequence[InZone]
    sizes: Sizes
    countries: Sequence[InCountry]
    usd: str
    caps: Sequence[CapHit]
    stops: Sequence[str]
    """What is stopped now, and why."""


def forecast(
    tally: Tally, texts: Texts, road: Road, passed: Passed, stops: Sequence[str]
) -> Forecast:
    """Sums up a plan whose texts have passed."""
    tally.settle(passed)
    return Forecast(
        now=instant(road.start),
        rows=tally.rows,
        recipients=tally.recipients,
        skipped=tally.skips.total(),
        refused=tally.refused,
        skips={why.value: count for why, count in tally.skips.most_common()},
        refusals=dict(tally.refusals.most_common()),
        schedule=_schedule(texts, road, passed),
        zones=sums.zones(texts),
        sizes=sums.sizes(texts),
        countries=sums.countries(texts),
        usd=sums.cost(texts),
        caps=[_cap_hit(hit) for hit in passed.hits.values()],
        stops=stops,
    )


def _schedule(texts: Texts, road: Road, passed: Passed) -> Schedule:
    starts = [texts.starts[number] for number in sums.sent(texts)]
    units = sum(road.units(texts.load(number)) for number in sums.sent(texts))
    interval = road.interval.total_seconds() if road.interval else None
    return Schedule(
        first=instant(min(starts)) if starts else None,
        last=instant(max(starts)) if starts else None,
        unit="segments" if road.counts_segments else "messages",
        per_second=round(1 / interval, 4) if interval else None,
        sending=round(units * interval, 2) if interval else None,
        ahead=passed.others,
        ahead_for=round(passed.ahead, 2),
        deferred=sum(texts.waits[number] for number in sums.sent(texts)),
        over_number_cap=passed.capped_numbers,
    )


def _cap_hit(hit: Hit) -> CapHit:
    return CapHit(
        cap=hit.cap,
        at=instant(hit.at),
        until=instant(hit.until),
        waiting=hit.waiting,
        times=hit.times,
    )
