"""The course of a plan: its texts go out one after the other, on the clock of a simulation. Pure.

It does what workers do with what is in the queues: urgent texts first, each in its slot, none at a
quiet hour, after its deadline, or over a cap.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import heappop, heappush
from math import inf

from messaging.domain.caps import Caps
from messaging.domain.job import Lane
from messaging.domain.meter import SECONDS, Load, Meter
from messaging.domain.plan import Why
from messaging.domain.quiet_hours import QuietHours
from messaging.domain.texts import Texts, instant

_SLICE = 1.0
"""Seconds of others' texts that go by in one step: urgent ones come in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """Texts of others that become due at a time (seconds), in front of ours or among them."""

    due: float
    lane: Lane
    load: Load


@dataclass(slots=True, kw_only=True)
class Hit:
    """A cap that stops sending: first at a time, until another, while so many of ours wait.

    `times` is in how many hours or days it does so.
    """

    cap: str
    at: float
    until: float
    waiting: int
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """What texts have to pass: slots so far apart for each unit, quiet hours, and caps."""

    start: float
    interval: timedelta | None
    counts_segments: bool
    quiet: QuietHours
    caps: Caps | None
    meter: Meter

    def units(self, load: Load) -> int:
        """What a load counts against the limits."""
        return load.segments if self.counts_segments else load.messages


@dataclass(slots=True, kw_only=True)
class Passed:
    """What became of texts on the road: why some did not go out, by number, and caps that were hit.

    `others` is how many texts of others went before the last of ours, `ahead` how many seconds
    they took.
    """

    unsent: dict[int, Why] = field(default_factory=dict)
    hits: dict[str, Hit] = field(default_factory=dict)
    capped_numbers: int = 0
    """Texts that waited for the cap of their number."""
    others: int = 0
    ahead: float = 0.0


class Course:
    """One run over a road."""

    def __init__(self, texts: Texts, road: Road, others: Iterable[Others] = ()) -> None:
        """Nothing moves yet."""
        self._texts = texts
        self._road = road
        self._interval = road.interval.total_seconds() if road.interval else 0.0
        self._others = sorted(others, key=lambda group: group.due)
        self._arriving = _in_order(texts, self._others)
        self._next: tuple[float, int] | None = next(self._arriving, None)
        self._later: list[tuple[float, int]] = []
        self._ready: dict[bool, deque[int]] = {True: deque(), False: deque()}
        self._ours = len(texts)
        self._free = road.start
        self._reserved: set[int] = set()
        self.passed = Passed()

    def run(self) -> Passed:
        """Lets all of ours pass, and writes down when each did."""
        now = self._road.start
        while self._ours:
            now = max(now, self._free)
            self._arrive(now)
            queue = self._ready[True] or self._ready[False]
            now = self._serve(queue, now) if queue else max(now, self._next_due())
        return self.passed

    def _next_due(self) -> float:
        arriving = self._next[0] if self._next else inf
        return min(arriving, self._later[0][0] if self._later else inf)

    def _arrive(self, now: float) -> None:
        """Moves what is due into its queue, in the order in which it became so."""
        while (due := self._next_due()) <= now:
            if self._next and self._next[0] == due:
                number = self._next[1]
                self._next = next(self._arriving, None)
            else:
                number = heappop(self._later)[1]
            self._ready[self._is_urgent(number)].append(number)

    def _is_urgent(self, number: int) -> bool:
        if number < 0:
            return self._others[~number].lane is Lane.URGENT
        return bool(self._texts.urgent[number])

    def _serve(self, queue: deque[int], now: float) -> float:
        """Deals with the first of a queue; the time after that."""
        number = queue[0]
        if number < 0:
            return self._pass_by(queue, now)
        load = self._texts.load(number)
        if self._road.meter.is_hopeless(load):
            return self._end(queue, now, Why.OVER_CAP)
        if self._texts.expires[number] <= now:
            return self._end(queue, now, Why.LATE)
        if (until := self._quiet_until(number, now)) or (until := self._number_until(number, now)):
            return self._put_off(queue, now, until)
        if full := self._road.meter.full(now, load):
            self._hit(full.cap, now, full.until)
            return full.until
        self._road.meter.add(now, load)
        self._texts.starts[number] = now
        self._free = now + self._interval * self._road.units(load)
        return self._leave(queue, now)

    def _leave(self, queue: deque[int], now: float) -> float:
        queue.popleft()
        self._ours -= 1
        return now

    def _end(self, queue: deque[int], now: float, why: Why) -> float:
        self.passed.unsent[queue[0]] = why
        return self._leave(queue, now)

    def _put_off(self, queue: deque[int], now: float, until: float) -> float:
        if self._texts.expires[queue[0]] <= until:
            return self._end(queue, now, Why.LATE)
        heappush(self._later, (until, queue.popleft()))
        return now

    def _quiet_until(self, number: int, now: float) -> float | None:
        rule = self._texts.rule[number]
        if not rule:
            return None
        quiet = self._road.quiet.wait(self._texts.recipients[rule - 1], instant(now))
        if quiet is None:
            return None
        self._texts.waits[number] = 1
        self._texts.until[number] = quiet.until.timestamp()
        return quiet.until.timestamp()

    def _number_until(self, number: int, now: float) -> float | None:
        """When the cap of its number has room; from then on there is a place for it."""
        if not self._texts.phones or number in self._reserved:
            return None
        uses = self._texts.uses.setdefault(self._texts.phones[number], deque())
        free_at = max(_room(uses, self._road.caps), default=now)
        uses.append(max(now, free_at))
        self._reserved.add(number)
        if free_at <= now:
            return None
        self.passed.capped_numbers += 1
        return free_at

    def _hit(self, cap: str, now: float, until: float) -> None:
        known = self.passed.hits.get(cap)
        if known:
            known.times += 1
            return
        waiting = sum(number >= 0 for queue in self._ready.values() for number in queue)
        self.passed.hits[cap] = Hit(cap=cap, at=now, until=until, waiting=waiting)

    def _pass_by(self, queue: deque[int], now: float) -> float:
        """Lets some texts of others pass; those of one group are taken as alike."""
        group = self._others[~queue[0]]
        some = self._slice(group.load)
        if full := self._road.meter.full(now, some):
            # What no hour has room for would be suppressed.
            if self._road.meter.is_hopeless(some):
                queue.popleft()
                return now
            self._hit(full.cap, now, full.until)
            return full.until
        self._road.meter.add(now, some)
        took = self._interval * self._road.units(some)
        self._free = now + took
        self.passed.others += some.messages
        self.passed.ahead += took
        rest = group.load - some
        if rest.messages:
            self._others[~queue[0]] = Others(due=group.due, lane=group.lane, load=rest)
        else:
            queue.popleft()
        return now

    def _slice(self, load: Load) -> Load:
        """As many as pass in a moment; one by one where they count against caps."""
        if not self._interval:
            return load if not self._road.meter else load.share(1)
        each = self._interval * self._road.units(load) / load.messages
        return load.share(1 if self._road.meter else max(1, int(_SLICE / each)))


def _in_order(texts: Texts, others: Sequence[Others]) -> Iterator[tuple[float, int]]:
    """All that arrives, by its time; of others, the number is negative, and they go first."""
    groups = iter(enumerate(others))
    group = next(groups, None)
    for number in sorted(range(len(texts)), key=texts.due.__getitem__):
        while group and group[1].due <= texts.due[number]:
            yield group[1].due, ~group[0]
            group = next(groups, None)
        yield texts.due[number], number
    while group:
        yield group[1].due, ~group[0]
        group = next(groups, None)


def _room(uses: Sequence[float], caps: Caps | None) -> Iterator[float]:
    """When each cap of a number has room for one more than it has had, or will have."""
    if caps is None:
        return
    for most, span in ((caps.recipient_hour, "hour"), (caps.recipient_day, "day")):
        if most is not None and len(uses) >= most:
            yield uses[-most] + SECONDS[span]
