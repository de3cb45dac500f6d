"""Silence: requests wait for their answers, and none comes, although Twilio is quicker as a rule.

Pure. A timeout shows the same, but only after ten seconds, in which many more requests are written
into the hole. Slow is not silent: whoever answers at all is heard, and is waited for longer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from messaging.domain.breaker import Passage
from messaging.domain.verdict import Verdict

_STEPS_A_SECOND = 10
_STEPS = 10 * _STEPS_A_SECOND + 1
_REMEMBERED = 500
"""Answers; from then on the older ones count half. Ten slow ones among them must show."""
_TIMES = 4
"""So many times what an answer usually takes is no answer's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long no answer at all is borne: `least`, or longer where Twilio is slow, but never longer
    than a single answer is waited for, `most`. So many requests must wait, `volume`."""

    volume: int
    least: timedelta
    most: timedelta


class Latencies:
    """How long answers took lately, in steps of a tenth of a second, up to ten seconds."""

    def __init__(self) -> None:
        self._counts = [0] * _STEPS
        self._total = 0

    def note(self, seconds: float) -> None:
        """An answer came after so long."""
        self._counts[min(max(0, int(seconds * _STEPS_A_SECOND)), _STEPS - 1)] += 1
        self._total += 1
        if self._total >= _REMEMBERED:
            self._counts = [count // 2 for count in self._counts]
            self._total = sum(self._counts)

    @property
    def usual(self) -> float | None:
        """Seconds; 99 of 100 answers came within them. None where there were none."""
        left = self._total // 100 + 1
        for step in reversed(range(_STEPS)):
            left -= self._counts[step]
            if left <= 0:
                return (step + 1) / _STEPS_A_SECOND
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A request without its answer: since when, and what the breakers were like before it."""

    since: float
    generations: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What is to be told to the breakers: nothing is heard, or something is after all."""

    passage: Passage
    verdict: Verdict


def limit(patience: Patience, usual: float | None) -> float:
    """Seconds without an answer that are silence.

    Where no answer was heard yet nobody knows how slow Twilio is: half of what one may take.
    """
    least, most = patience.least.total_seconds(), patience.most.total_seconds()
    return min(most, max(least, most / 2 if usual is None else _TIMES * usual))


def silence(patience: Patience, seconds: float, owed: Iterable[Owed], now: float) -> Sound | None:
    """That Twilio is silent; None where it is not. Nothing was heard for `seconds`, the limit.

    Only requests of the latest generation count: what was written before a breaker opened may have
    been lost then.
    """
    waiting = [one for one in owed if now - one.since >= seconds]
    latest = max((one.generations for one in waiting), default=(0, 0))
    waiting = [one for one in waiting if one.generations == latest]
    if len(waiting) < patience.volume:
        return None
    longest = now - min(one.since for one in waiting)
    reason = (
        f"Twilio is silent: {len(waiting)} requests wait for an answer, the oldest for "
        f"{longest:.1f} s, and none comes"
    )
    verdict = Verdict(account=False, at_once=True, silent=True, reason=reason)
    return Sound(passage=Passage(generations=latest), verdict=verdict)


def heard(generations: tuple[int, int]) -> Sound:
    """That Twilio took a text of those which had waited in silence."""
    return Sound(passage=Passage(generations=generations), verdict=Verdict(account=True))
