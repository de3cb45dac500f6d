"""Memory: what each process has after a tenth of the texts, and after all of them."""

from collections.abc import Callable, Mapping

from messaging.local.bench import footprint, sending
from messaging.local.bench.figures import Figure
from messaging.local.bench.ours import Ours
from messaging.local.bench.site import Site
from messaging.local.processes import BEAT, BRIDGE, WORKER

_TENTH = 10


def measure(site: Site, ours: Ours, messages: int, say: Callable[[str], None]) -> list[Figure]:
    """MB of the processes and servers of a service that is new, and by how much it grew.

    Of Postgres, memory that its processes share is left out.
    """
    tenth = max(1, messages // _TENTH)
    say(f"memory: {tenth:,} messages, and then up to {messages:,}")
    sending.send(site, ours, tenth)
    early = _sizes(site)
    if messages > tenth:
        sending.send(site, ours, messages - tenth)
    return figures(early, _sizes(site), tenth, messages)


def figures(
    early: Mapping[str, float], late: Mapping[str, float], tenth: int, messages: int
) -> list[Figure]:
    """The figures of sizes in MB, by the names of the processes."""
    return [figure for name in early for figure in _figures(name, early, late, tenth, messages)]


def _figures(
    name: str, early: Mapping[str, float], late: Mapping[str, float], tenth: int, messages: int
) -> list[Figure]:
    before, after = early[name], late[name]
    return [
        _figure(f"{name}, {tenth:,} messages", "MB", before),
        _figure(f"{name}, {messages:,} messages", "MB", after),
        _figure(f"{name}, growth", "%", 100 * (after - before) / before),
    ]


def _figure(name: str, unit: str, value: float) -> Figure:
    return Figure(part="memory", name=name, unit=unit, ours=[value], is_more_better=False)


def _sizes(site: Site) -> dict[str, float]:
    everything = footprint.uses()
    ours = {
        command.name: footprint.resident([site.pid(command.name)], everything)
        for command in (WORKER, BRIDGE, BEAT)
    }
    return {
        **ours,
        "Postgres": footprint.own([site.postgres.pid], everything),
        "Valkey": footprint.resident([site.valkey.pid], everything),
    }
