"""Sums of a plan: what people and machines are told of it. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isnan

from messaging.domain.course import Passed
from messaging.domain.meter import CENTS
from messaging.domain.plan import Refusal, Skip, Why
from messaging.domain.texts import Texts, instant

_KINDS = 50
"""Kinds of refusals that are told apart."""
_OF_ITS_ROW = re.compile(r"'[^']*'|\"[^\"]*\"|\+?\d*\*{5}\d*|\b\d[\d,]*\b")
_ADVICE = re.compile(r"(?<!^Template …): [^:]*$")
_CHARACTERS = 20
"""Characters outside GSM-7 that are told, those of most texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InZone:
    """The texts of a time zone: the first and the last, and those that quiet hours keep until."""

    zone: str
    texts: int
    first: datetime
    last: datetime
    deferred: int
    until_first: datetime | None
    until_last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InCountry:
    """The texts to a country; `usd` is an estimate, and has four digits."""

    country: str
    texts: int
    segments: int
    usd: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """A character that makes its text UCS-2, and in how many texts it is."""

    character: str
    texts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Segments in all; texts by how many they have, and by encoding (or `media`); and what makes
    some of them UCS-2."""

    segments: int
    by_segments: Mapping[int, int]
    by_encoding: Mapping[str, int]
    characters: Sequence[Character]


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts rows as they are judged: every row once."""

    rows: int = 0
    refused: int = 0
    skips: Counter[Why] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    """By kind: what is particular to a row is left out."""

    def add(self, verdict: Refusal | Skip) -> None:
        """Counts a row that is refused or skipped."""
        self.rows += 1
        if isinstance(verdict, Skip):
            self.skips[verdict.why] += 1
            return
        self.refused += 1
        kind = kind_of(verdict.reason)
        is_told = kind in self.refusals or len(self.refusals) < _KINDS
        self.refusals[kind if is_told else "something else"] += 1

    def take(self) -> None:
        """Counts a row whose text goes out, as far as is known."""
        self.rows += 1

    def settle(self, passed: Passed) -> None:
        """Counts as skipped what the course did not let out."""
        self.skips.update(passed.unsent.values())

    @property
    def recipients(self) -> int:
        """How many rows get a text out."""
        return self.rows - self.refused - self.skips.total()


def kind_of(reason: str) -> str:
    """A reason without what is particular to its row, and what to do: `priority … is no number`."""
    return _ADVICE.sub("", _OF_ITS_ROW.sub("…", reason)).rstrip(".")


def sent(texts: Texts) -> Iterator[int]:
    """The numbers of those that go out."""
    return (number for number, start in enumerate(texts.starts) if not isnan(start))


def zones(texts: Texts) -> list[InZone]:
    """The texts by time zone, most first."""
    numbers: defaultdict[int, list[int]] = defaultdict(list)
    for number in sent(texts):
        numbers[texts.zone[number]].append(number)
    names = texts.zones.all()
    found = [_in_zone(texts, names[zone], ours) for zone, ours in numbers.items()]
    return sorted(found, key=lambda one: (-one.texts, one.zone))


def countries(texts: Texts) -> list[InCountry]:
    """The texts by country, the dearest first."""
    count: Counter[int] = Counter()
    segments: Counter[int] = Counter()
    money: Counter[int] = Counter()
    for number in sent(texts):
        region = texts.region[number]
        count[region] += 1
        segments[region] += texts.segments[number]
        money[region] += texts.money[number]
    names = texts.regions.all()
    return [
        InCountry(
            country=names[region],
            texts=count[region],
            segments=segments[region],
            usd=dollars(money[region]),
        )
        for region in sorted(count, key=lambda one: (-money[one], names[one]))
    ]


def cost(texts: Texts) -> str:
    """What all of them cost."""
    return dollars(sum(texts.money[number] for number in sent(texts)))


def sizes(texts: Texts) -> Sizes:
    """How large the texts are."""
    by_segments = Counter(texts.segments[number] for number in sent(texts))
    by_kind = Counter(texts.kind[number] for number in sent(texts))
    kinds = texts.kinds.all()
    return Sizes(
        segments=sum(segments * count for segments, count in by_segments.items()),
        by_segments=dict(sorted(by_segments.items())),
        by_encoding={kinds[kind]: count for kind, count in by_kind.most_common()},
        characters=[
            Character(character=one, texts=count)
            for one, count in _odd(texts).most_common(_CHARACTERS)
        ],
    )


def dollars(money: int) -> str:
    """An amount with its four digits."""
    return f"{money // CENTS}.{money % CENTS:04d}"


def _odd(texts: Texts) -> Counter[str]:
    """In how many texts each character is that makes one UCS-2."""
    odd: Counter[str] = Counter()
    groups, together = texts.odd_ones.all(), Counter(texts.odd[number] for number in sent(texts))
    for group, count in together.items():
        odd.update(dict.fromkeys(groups[group], count))
    return odd


def _in_zone(texts: Texts, zone: str, numbers: Sequence[int]) -> InZone:
    starts = [texts.starts[number] for number in numbers]
    untils = [texts.until[number] for number in numbers if texts.waits[number]]
    return InZone(
        zone=zone,
        texts=len(numbers),
        first=instant(min(starts)),
        last=instant(max(starts)),
        deferred=len(untils),
        until_first=instant(min(untils)) if untils else None,
        until_last=instant(max(untils)) if untils else None,
    )
