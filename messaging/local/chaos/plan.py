"""The plan: what is done when, and to whom. Pure; the same seed makes the same plan."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle, islice
from random import Random
from typing import TypeVar

from messaging.local.chaos.faults import EARLY, FAULTS, Make
from messaging.local.simulator.rules import Rule

T = TypeVar("T")


class Victim(StrEnum):
    """Who is killed with -9."""

    WORKER = "worker with threads"
    PARENT = "worker with children"
    CHILD = "child of a worker"
    BRIDGE = "bridge"
    BEAT = "beat"
    WEB = "web"
    REDIS = "Redis"
    POSTGRES = "Postgres"
    BACKEND = "backend of Postgres"


class Line(StrEnum):
    """A connection that trouble happens on."""

    POSTGRES = "to Postgres"
    REDIS = "to Redis"
    TWILIO = "to Twilio"
    WEB = "from Twilio to web"


class Mishap(StrEnum):
    """What happens to a line."""

    DELAY = "late"
    CUT = "cut"
    REFUSE = "refused"
    BLACKHOLE = "silent"


SHARES: Mapping[Victim, int] = {
    Victim.CHILD: 23,
    Victim.REDIS: 6,
    Victim.BACKEND: 4,
    Victim.POSTGRES: 3,
    Victim.WORKER: 10,
    Victim.PARENT: 4,
    Victim.BRIDGE: 4,
    Victim.WEB: 3,
    Victim.BEAT: 3,
}
"""Of 60 kills. Most hit those who send; a Postgres that dies costs all of them some seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """kill -9. Times are seconds from the beginning."""

    at: float
    victim: Victim


@dataclass(frozen=True, slots=True, kw_only=True)
class Wipe:
    """FLUSHALL: whatever Redis had is gone."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """SIGSTOP for a worker, and SIGCONT after `lasts`."""

    at: float
    lasts: float
    is_long: bool
    """Whether it lasts longer than the send lease, and so past the end of the trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """SIGTERM for a worker, as at a deploy."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Trouble on a line. `late` is for how many seconds a delayed chunk is held."""

    at: float
    lasts: float
    line: Line
    mishap: Mishap
    late: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Twilio misbehaves by this rule of the simulator's."""

    at: float
    lasts: float
    rule: Rule


_LONG_OUTAGES = 0.2
"""The share of outages that may be long."""

Event = Kill | Wipe | Pause | Restart | Outage | Fault


def plan(*, seed: int, kills: int, seconds: float, send_lease: float) -> list[Event]:
    """What is to be done within so many seconds, in order.

    Each mishap and fault has its turn before any comes twice.
    """
    dice = Random(seed)  # noqa: S311 - no secret
    events: list[Event] = [
        *_kills(dice, kills, seconds),
        *(Wipe(at=at) for at in _times(dice, seconds, each=15)),
        *_pauses(dice, seconds, send_lease),
        *(Restart(at=at) for at in _times(dice, seconds, each=15)),
        *_outages(dice, seconds),
        *_faults(dice, seconds),
    ]
    return sorted(events, key=lambda event: event.at)


def apportioned(kills: int) -> list[Victim]:
    """So many victims, each at least once where there are enough, else by their shares."""
    every = list(SHARES)
    rest = [victim for victim in every for _ in range(SHARES[victim] - 1)]
    # Spread evenly, so that any beginning of the list has about the right shares.
    spread = sorted(enumerate(rest), key=lambda pair: (pair[0] * 31) % len(rest))
    return list(islice(cycle(every + [victim for _, victim in spread]), kills))


def _kills(dice: Random, kills: int, seconds: float) -> Iterator[Kill]:
    """Each victim's are spread over the whole time, like all other trouble."""
    for victim, count in Counter(apportioned(kills)).items():
        for number in range(count):
            yield Kill(at=(number + dice.random()) * seconds / count, victim=victim)


def _pauses(dice: Random, seconds: float, send_lease: float) -> Iterator[Pause]:
    for at in _times(dice, seconds, each=12):
        yield Pause(at=at, lasts=dice.uniform(0.5, 4.0), is_long=False)
    lasts = send_lease * 1.1 + 2.0
    # Early enough not to lengthen the wait at the end by much.
    early = max(0.4, 1.0 - lasts / seconds)
    for at in _times(dice, seconds, each=90):
        yield Pause(at=at * early, lasts=lasts, is_long=True)


def _outages(dice: Random, seconds: float) -> Iterator[Outage]:
    pairs = [(line, mishap) for line in Line for mishap in Mishap]
    for at, (line, mishap) in zip(_times(dice, seconds, each=3), _turns(dice, pairs), strict=False):
        yield Outage(
            at=at,
            lasts=0.0 if mishap is Mishap.CUT else _length(dice, seconds),
            line=line,
            mishap=mishap,
            late=dice.uniform(0.02, 0.3),
        )


def _length(dice: Random, seconds: float) -> float:
    """Of an outage: mostly short, sometimes longer than any timeout of ours where the run is long
    too. The work must go on at times, or nothing is under way that could be hurt.
    """
    longest = min(12.0, 1.5 + seconds / 100)
    return dice.uniform(0.5, longest if dice.random() < _LONG_OUTAGES else min(2.0, longest))


def _faults(dice: Random, seconds: float) -> Iterator[Fault]:
    for at, make in zip(_times(dice, seconds, each=1.8), _turns(dice, FAULTS), strict=False):
        yield _fault(dice, at, make)
    for at, make in zip(_times(dice, seconds, each=45), _turns(dice, EARLY), strict=False):
        yield _fault(dice, at * 0.3, make)


def _fault(dice: Random, at: float, make: Make) -> Fault:
    return Fault(at=at, lasts=dice.uniform(3.0, 9.0), rule=make(dice))


def _times(dice: Random, seconds: float, *, each: float) -> list[float]:
    """One moment in each stretch of about so many seconds, and at least one."""
    count = max(1, round(seconds / each))
    return [(number + dice.random()) * seconds / count for number in range(count)]


def _turns(dice: Random, choices: Sequence[T]) -> Iterator[T]:
    """For ever: all of them in some order, then all in another."""
    while True:
        yield from _shuffled(dice, choices)


def _shuffled(dice: Random, choices: Sequence[T]) -> list[T]:
    return dice.sample(choices, len(choices))


def until(event: Event) -> float:
    """When it is over."""
    return event.at + (event.lasts if isinstance(event, Pause | Outage | Fault) else 0.0)
