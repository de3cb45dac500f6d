"""Scaling: sending with more and more workers, on the cores that there are."""

from collections.abc import Callable

from celery import Celery

from messaging.local.bench import sending
from messaging.local.bench.figures import Figure, Samples
from messaging.local.bench.options import BenchOptions
from messaging.local.bench.ours import Ours
from messaging.local.bench.site import Site
from messaging.local.processes import BEAT, BRIDGE, WORKER

_OTHERS = (BRIDGE, BEAT)
"""They answer as well."""
_LIMIT = 60.0
_FOR_A_SIGN = 1.0
"""Seconds that workers have to answer."""


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
        _have(site, ours, count)
        sending.warm_up(site, ours, options.messages)
        runs = [sending.send(site, ours, options.messages) for _ in range(options.runs)]
        written = f"{count} {'worker' if count == 1 else 'workers'}"
        found = Samples(ours=runs).figures(part, "message")
        say(f"{part}, {written}: {found[0].median:,.0f}/s")
        figures += [figure.under(written) for figure in found]
    return figures


def _have(site: Site, ours: Ours, count: int) -> None:
    """Start workers until there are so many, and return when all take texts."""
    while ours.workers < count:
        ours.add_worker()
    app = Celery("scaling", broker=site.valkey.url, set_as_current=False)
    try:
        site.wait_until(lambda: _answering(app, count) == count, _LIMIT, f"{count} workers answer")
    finally:
        app.close()


def _answering(app: Celery, count: int) -> int:
    """How many workers answer: they do once they take tasks. The last of so many ends the wait."""
    signs = app.control.ping(timeout=_FOR_A_SIGN, limit=count + len(_OTHERS))
    return sum(name.startswith(f"{WORKER.name}-") for sign in signs for name in sign)
