"""Sending: from rows in Postgres to rows that are marked as sent, on every side in turn."""

import time
from collections.abc import Callable, Mapping, Sequence

from messaging.local.bench import processor
from messaging.local.bench.contender import Contender
from messaging.local.bench.figures import Sample, Samples
from messaging.local.bench.options import BenchOptions
from messaging.local.bench.site import Site

_LIMIT, _LIMIT_EACH = 60.0, 0.05
"""Seconds that any number of texts may take, and that each of them may add."""
_LOOK = 0.5
"""Seconds between two looks at whether all are sent."""
_WARM_UP = 500
"""Texts at most; their first ones open connections and import what is imported late."""
_HELD = 2
"""How many times its requests at once a process may take for itself, so that others get nothing."""
_SHARE = 3
"""Who is slow gets a third of the texts: more would not make it faster."""


def warm_up(site: Site, contender: Contender, messages: int, processes: int = 1) -> None:
    """Have some texts sent, so that everything is at work: all of so many processes, if each run
    has that many texts."""
    more = (processes - 1) * _HELD * site.settings.in_flight
    send(site, contender, min(_fair(contender, messages), _WARM_UP + more))


def measure(
    site: Site,
    ours: Contender,
    others: Sequence[Contender],
    options: BenchOptions,
    say: Callable[[str], None],
) -> Samples:
    """Runs of all sides in turn, so that whatever else the machine does hits every one.

    Every second time in the opposite order: what a side leaves for Postgres to do, such as a
    vacuum, would always hit the same one.
    """
    samples = Samples(others={other.name: [] for other in others})
    lists = [samples.ours, *samples.others.values()]
    sides = list(zip([ours, *others], lists, strict=True))
    for number in range(1, options.runs + 1):
        for side, found in sides if number % 2 else reversed(sides):
            found.append(send(site, side, _fair(side, options.messages)))
        rates = [f"{samples.ours[-1].rate:,.0f}/s"]
        rates += [f"{name} {runs[-1].rate:,.0f}/s" for name, runs in samples.others.items()]
        say(f"sending, run {number} of {options.runs}: {', '.join(rates)}")
    return samples


def in_turn(
    places: Mapping[str, tuple[Site, Contender]],
    options: BenchOptions,
    part: str,
    say: Callable[[str], None],
) -> list[Samples]:
    """Runs of services in places of their own, in turn; the places by what tells them apart."""
    found = [Samples() for _ in places]
    for number in range(1, options.runs + 1):
        for (site, contender), samples in zip(places.values(), found, strict=True):
            samples.ours.append(send(site, contender, options.messages))
        rates = zip(places, (samples.ours[-1].rate for samples in found), strict=True)
        told = ", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates)
        say(f"{part}, run {number} of {options.runs}: {told}")
    return found


def send(site: Site, contender: Contender, count: int) -> Sample:
    """Hand texts over and wait until all are sent. Raises Unreachable where they are not.

    The clock runs from the moment before they become visible; the processor time is that of the
    contender, Postgres and Valkey, and of handing over.
    """
    with contender.handing_over(count):
        before = processor.used(contender.pids)
        began, began_here = time.time(), time.thread_time()
    here = time.thread_time() - began_here
    wait_until_sent(site, contender, count)
    spent = processor.used(contender.pids) - before + here
    return Sample(rate=count / (contender.last_sent() - began), cpu=spent * 1000 / count)


def wait_until_sent(site: Site, contender: Contender, count: int) -> None:
    """Return when all of so many texts are sent. Raises Unreachable where that takes too long."""
    limit = _LIMIT + _LIMIT_EACH * count
    site.wait_until(contender.is_done, limit, "all texts are sent", look=_LOOK)


def _fair(contender: Contender, messages: int) -> int:
    """How many texts a contender gets, where ours gets so many."""
    return max(1, messages // _SHARE) if contender.is_slow else messages
