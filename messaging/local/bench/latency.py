"""Latency: from the commit of one text to its request at Twilio, while nothing else happens."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from random import Random

from messaging.local.bench.contender import Contender
from messaging.local.bench.figures import Figure, percentile
from messaging.local.bench.site import Site

SINGLES = 100
"""Texts, one at a time."""
_LIMIT = 30.0
_PAUSE = (0.05, 0.15)
"""Seconds between two texts, of uneven length so that they do not fall in step with a clock."""


def measure(
    site: Site,
    ours: Contender,
    others: Sequence[Contender],
    count: int,
    say: Callable[[str], None],
) -> list[Figure]:
    """Half of all texts are there within p50, 99 of 100 within p99."""
    found: dict[str, list[float]] = {}
    for contender in (ours, *others):
        words = f"A single text by way of {contender.name}"
        found[contender.name] = lags(site, contender, min(count, SINGLES), words)
        say(f"latency, {contender.name}: {told(found[contender.name])}")
    mine = found.pop(ours.name)
    return figures("to the request", mine, found)


def lags(site: Site, contender: Contender, count: int, words: str) -> list[float]:
    """Milliseconds from commit to request of so many texts, one at a time, with these words."""
    (found,) = in_turn([(site, contender)], count, words)
    return found


def in_turn(sides: Sequence[tuple[Site, Contender]], count: int, words: str) -> list[list[float]]:
    """Those of each side, of which each has a text in turn, so many times.

    Twilio answers at once meanwhile.
    """
    for site, _ in sides:
        site.twilio.think(timedelta(0))
    pauses = Pauses()
    committed: list[dict[str, float]] = [{} for _ in sides]
    for n in range(count):
        body = f"{words}, number {n}"
        for (_, contender), times in zip(sides, committed, strict=True):
            times[body] = contender.hand_over_one(body)
            pauses.pause()
    for site, contender in sides:
        site.wait_until(contender.is_done, _LIMIT, "all texts are sent")
        site.twilio.think(site.latency)
    return [arrivals(site, words, times) for (site, _), times in zip(sides, committed, strict=True)]


def figures(
    name: str,
    mine: Sequence[float],
    others: Mapping[str, Sequence[float]] | None = None,
    part: str = "latency",
) -> list[Figure]:
    """The figures of lags in milliseconds."""
    return [
        Figure(
            part=part,
            name=f"{name}, {written}",
            unit="ms",
            ours=[percentile(mine, share)],
            others={other: [percentile(lags, share)] for other, lags in (others or {}).items()},
            is_more_better=False,
        )
        for written, share in (("p50", 0.5), ("p99", 0.99))
    ]


def told(lags: Sequence[float]) -> str:
    """The same in a few words."""
    return f"p50 {percentile(lags, 0.5):.0f} ms, p99 {percentile(lags, 0.99):.0f} ms"


class Pauses:
    """Pauses between two texts."""

    def __init__(self) -> None:
        """The same ones each time."""
        self._dice = Random(0)  # noqa: S311 - any uneven rhythm does

    def pause(self) -> None:
        """Do nothing for a while."""
        time.sleep(self._dice.uniform(*_PAUSE))


def arrivals(site: Site, words: str, committed: Mapping[str, float]) -> list[float]:
    """Milliseconds from each commit to its request, of texts whose bodies have these words."""
    arrived = {text.body: text.at for text in site.twilio.ledger(words)}
    return [(arrived[body] - began) * 1000 for body, began in committed.items()]
