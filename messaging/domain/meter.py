"""A meter: how much the caps of an installation leave of an hour and a day. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from messaging.domain.caps import Caps

SECONDS: Mapping[str, int] = {"hour": 3600, "day": 86_400}
CENTS = 10_000
"""Parts of a dollar that prices are counted in: they have four digits."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a text counts: messages, segments, and parts of a dollar."""

    messages: int
    segments: int
    money: int

    def __add__(self, other: "Load") -> "Load":
        return Load(
            self.messages + other.messages,
            self.segments + other.segments,
            self.money + other.money,
        )

    def __sub__(self, other: "Load") -> "Load":
        return Load(
            self.messages - other.messages,
            self.segments - other.segments,
            self.money - other.money,
        )

    def share(self, messages: int) -> "Load":
        """So many of these texts, as if they were alike."""
        if messages >= self.messages:
            return self
        part = messages / self.messages
        return Load(messages, round(self.segments * part), round(self.money * part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """No room is left: by which cap, as settings call it, and until when (seconds since 1970)."""

    cap: str
    until: float


@dataclass(frozen=True, slots=True)
class _Cap:
    name: str
    most: int
    of: str


class Meter:
    """Counts what goes out by the hours and days of the clock in UTC, as `messaging.within_caps`.

    `used` is what counts in this hour and day already.
    """

    def __init__(self, caps: Caps | None, used: Iterable[tuple[str, float, Load]] = ()) -> None:
        given = {span: list(_caps(caps, span)) for span in SECONDS} if caps else {}
        self._caps = {span: found for span, found in given.items() if found}
        self._counts = {span: (began, load) for span, began, load in used}

    def __bool__(self) -> bool:
        return bool(self._caps)

    def is_hopeless(self, load: Load) -> bool:
        """Whether it is more than a whole hour or day may have."""
        return any(
            getattr(load, cap.of) > cap.most
            for found in self._caps.values()
            for cap in found
            if cap.of != "messages"
        )

    def full(self, at: float, load: Load) -> Full | None:
        """Which cap has no room for this then; of several the one that is full for longest."""
        for span in ("day", "hour"):
            for cap in self._caps.get(span, ()):
                if getattr(self._count(span, at), cap.of) + getattr(load, cap.of) > cap.most:
                    return Full(cap=cap.name, until=_began(span, at) + SECONDS[span])
        return None

    def add(self, at: float, load: Load) -> None:
        """Counts what goes out then; time only goes on."""
        for span in self._caps:
            self._counts[span] = (_began(span, at), self._count(span, at) + load)

    def _count(self, span: str, at: float) -> Load:
        began, load = self._counts.get(span, (0.0, _NOTHING))
        return load if began == _began(span, at) else _NOTHING


_NOTHING = Load(0, 0, 0)


def _began(span: str, at: float) -> float:
    return at - at % SECONDS[span]


def _caps(caps: Caps, span: str) -> Iterable[_Cap]:
    for of, name in (("messages", "messages"), ("segments", "segments"), ("money", "usd")):
        most: int | Decimal | None = getattr(caps, f"{name}_{span}")
        if most is not None:
            yield _Cap(f"{name}_{span}", int(most * CENTS) if of == "money" else int(most), of)
