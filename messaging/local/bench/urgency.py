"""Urgency: from the commit of an urgent text to its request, while a backlog of others waits."""

from collections.abc import Callable

from messaging.domain.job import URGENT_ABOVE
from messaging.local.bench import latency, sending
from messaging.local.bench.figures import Figure
from messaging.local.bench.ours import Ours
from messaging.local.bench.site import Site

_WORDS = "An urgent text"


def measure(site: Site, ours: Ours, backlog: int, say: Callable[[str], None]) -> list[Figure]:
    """Of urgent texts that were committed, one at a time, while others were still unclaimed.

    Twilio thinks as long as about all others, which counts for none: each came in before.
    """
    say(f"latency: urgent texts behind {backlog:,} others")
    with ours.handing_over(backlog):
        pass
    committed = _hand_over(ours)
    sending.wait_until_sent(site, ours, backlog)
    lags = latency.arrivals(site, _WORDS, committed)
    say(f"latency, {len(lags)} urgent texts: {latency.told(lags)}")
    return latency.figures("urgent", lags)


def _hand_over(ours: Ours) -> dict[str, float]:
    """When each text was committed, by its body; there is at least one."""
    pauses = latency.Pauses()
    committed: dict[str, float] = {}
    while not committed or (len(committed) < latency.SINGLES and ours.has_backlog()):
        body = f"{_WORDS}, number {len(committed)}"
        committed[body] = ours.hand_over_one(body, priority=URGENT_ABOVE + 1)
        pauses.pause()
    return committed
