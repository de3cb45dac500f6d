"""Texts of a plan, in columns: some dozens of bytes each, so that a million of them fit."""

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, nan

from messaging.domain.caps import Caps
from messaging.domain.job import Lane, Phone
from messaging.domain.meter import Load
from messaging.domain.places import places_of, zones_of
from messaging.domain.plan import Going
from messaging.domain.quiet_hours import Recipient
from messaging.domain.segments import Encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a text counts and costs: `money` in parts of a dollar, `region` for whose price.

    `odd` are the characters that make it UCS-2.
    """

    segments: int
    money: int
    region: str
    encoding: Encoding
    has_media: bool
    odd: tuple[str, ...] = ()


class Names:
    """Names by small numbers, in the order in which they came."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The number of this name, a new one where it is new."""
        return self._numbers.setdefault(name, len(self._numbers))

    def all(self) -> list[str]:
        """All of them, by their numbers."""
        return list(self._numbers)


class Texts:
    """The texts that go out, by the order in which they were handed over; times are seconds."""

    def __init__(self, default_zone: str, caps: Caps | None = None) -> None:
        """`default_zone` is that of numbers of which none is known."""
        self._default_zone = default_zone
        self.has_uses = bool(caps and (caps.recipient_hour or caps.recipient_day))
        self.due = array("d")
        self.expires = array("d")
        self.starts = array("d")
        """When it goes out; not a number where it does not."""
        self.urgent = array("b")
        self.waits = array("b")
        """1 where quiet hours keep it for a while, or did."""
        self.until = array("d")
        """Until when they do."""
        self.segments = array("H")
        self.money = array("q")
        self.phones = array("Q")
        """As numbers, and only where a cap of a number is set."""
        self.zone = array("H")
        self.region = array("H")
        self.kind = array("B")
        self.odd = array("L")
        self.rule = array("L")
        """Which hours it keeps; 0 for none."""
        self.zones = Names()
        self.regions = Names()
        self.kinds = Names()
        self.odd_ones = Names()
        """The characters of each text that make it UCS-2, together."""
        self._rules: dict[object, int] = {}
        self.recipients: list[Recipient] = []
        """One for each rule, from 1 on."""
        self.uses: dict[int, deque[float]] = {}
        """When each number had a text, and will have one, in order."""

    def __len__(self) -> int:
        return len(self.due)

    def add(self, going: Going, size: Size) -> int:
        """Adds one; its number."""
        due = going.due.timestamp()
        self.due.append(due)
        self.expires.append(going.expires_at.timestamp() if going.expires_at else inf)
        self.starts.append(nan)
        self.urgent.append(going.lane is Lane.URGENT)
        self.waits.append(going.waits)
        self.until.append(due)
        self.segments.append(size.segments)
        self.money.append(size.money)
        if self.has_uses:
            self.phones.append(int(going.recipient.phone[1:]))
        self.zone.append(self.zones.number(self._zone(going.recipient)))
        self.region.append(self.regions.number(size.region))
        self.kind.append(self.kinds.number("media" if size.has_media else size.encoding.value))
        self.odd.append(self.odd_ones.number("".join(size.odd)))
        self.rule.append(self._rule(going.recipient) if going.keeps_hours else 0)
        return len(self.due) - 1

    def use(self, phone: Phone, times: Iterable[datetime]) -> None:
        """Remembers when a number had texts before, in order."""
        if self.has_uses:
            self.uses.setdefault(int(phone[1:]), deque(one.timestamp() for one in times))

    def load(self, number: int) -> Load:
        """What a text counts against the caps."""
        return Load(1, max(1, self.segments[number]), self.money[number])

    def _zone(self, recipient: Recipient) -> str:
        return recipient.time_zone or next(iter(zones_of(recipient.phone)), self._default_zone)

    def _rule(self, recipient: Recipient) -> int:
        """A number, from 1 on, for all recipients for whom the same hours hold."""
        alike = (
            recipient.category,
            recipient.urgent,
            recipient.time_zone,
            zones_of(recipient.phone),
            places_of(recipient.phone),
        )
        if alike not in self._rules:
            self._rules[alike] = len(self._rules) + 1
            self.recipients.append(recipient)
        return self._rules[alike]


def instant(seconds: float) -> datetime:
    """A time as the rest of the code has them."""
    return datetime.fromtimestamp(seconds, UTC)
