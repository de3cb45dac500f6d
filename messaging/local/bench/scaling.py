"""Scaling: sending with more and more workers, on the cores that there are."""

from collections.abc import Callable

from messaging.local.bench import sending
from messaging.local.bench.figures import Figure, Samples
from messaging.local.bench.options import BenchOptions
from messaging.local.bench.ours import Ours
from messaging.local.bench.site import Site


def measure(
    site: Site,
    ours: Ours,
    options: BenchOptions,
    say: Callable[[str], None],
    part: str = "scaling",
) -> list[Figure]:
    """Rate and processor time with more and more workers; there is one so far."""
    figures: list[Figure] = []
    for count in options.workers:
        ours.have(count)
        sending.warm_up(site, ours, options.messages, count)
        runs = [sending.send(site, ours, options.messages) for _ in range(options.runs)]
        written = f"{count} {'worker' if count == 1 else 'workers'}"
        found = Samples(ours=runs).figures(part, "message")
        say(f"{part}, {written}: {found[0].median:,.0f}/s")
        figures += [figure.under(written) for figure in found]
    return figures
