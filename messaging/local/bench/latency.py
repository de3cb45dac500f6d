"""Latency: from the commit of one text to its request at Twilio, while nothing else happens."""

import time
from collections.abc import Callable, Sequence
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
    site: Site, ours: Contender, plain: Contender, count: int, say: Callable[[str], None]
) -> list[Figure]:
    """Half of all texts are there within p50, 99 of 100 within p99."""
    site.twilio.think(timedelta(0))
    mine = _lags(site, ours, min(count, SINGLES), "A single text")
    say(f"latency: p50 {percentile(mine, 0.5):.0f} ms, p99 {percentile(mine, 0.99):.0f} ms")
    others = _lags(site, plain, min(count, SINGLES), "A single plain text")
    site.twilio.think(site.latency)
    return [
        Figure(
            part="latency",
            name=f"to the request, {name}",
            unit="ms",
            ours=[percentile(mine, share)],
            plain=[percentile(others, share)],
            is_more_better=False,
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]


def _lags(site: Site, contender: Contender, count: int, words: str) -> Sequence[float]:
    """Milliseconds from each commit to its request."""
    pauses = Random(0)  # noqa: S311 - any uneven rhythm does
    committed: dict[str, float] = {}
    for n in range(count):
        body = f"{words}, number {n}"
        committed[body] = contender.hand_over_one(body)
        time.sleep(pauses.uniform(*_PAUSE))
    site.wait_until(contender.is_done, _LIMIT, "all texts are sent")
    arrived = {text.body: text.at for text in site.twilio.ledger(words)}
    return [(arrived[body] - began) * 1000 for body, began in committed.items()]
