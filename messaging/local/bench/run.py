"""`messaging bench`: the story of one measurement."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from messaging.errors import Refused
from messaging.local.bench import (
    against,
    chart,
    enqueuing,
    growth,
    hosts,
    idling,
    latency,
    memory,
    network,
    peers,
    promotion,
    receipts,
    report,
    rules,
    scaling,
    sending,
    storage,
    urgency,
)
from messaging.local.bench.contender import Contender
from messaging.local.bench.figures import Figure
from messaging.local.bench.floor import Floor
from messaging.local.bench.options import BenchOptions, a_side
from messaging.local.bench.ours import Ours
from messaging.local.bench.peers import Peers
from messaging.local.bench.plain import Plain
from messaging.local.bench.site import DEFAULT, STAND_IN, Site
from messaging.local.postgres import CONNECTIONS
from messaging.local.stopping import INTERRUPTED, stoppable
from messaging.local.throwaway import new_folder
from messaging.postgres.figures import versions

Say = Callable[[str], None]

_WORSE = 1
"""The exit code where a ratio has become worse than an earlier report allows."""


def run(options: BenchOptions) -> int:
    """Measure, print a table, write the report; nothing is left behind, also after Ctrl-C.

    Returns the exit code. Raises MessagingError where something doesn't start or doesn't come
    to its end, and Refused where there is no folder for the report, or no earlier report.
    """
    _expect_folder(options.report)
    _expect_folder(options.chart)
    _expect_parts(options)
    earlier = against.read(options.against) if options.against else None
    with stoppable():
        try:
            figures = _run(options)
        except KeyboardInterrupt:
            _say("Stopped. Nothing of it runs any more.")
            return INTERRUPTED
    _show(report.table(figures))
    return _compare(figures, earlier, options) if earlier else 0


def _run(options: BenchOptions) -> list[Figure]:
    began = datetime.now(UTC)
    with new_folder("bench") as folder:
        joining = _peers(folder, options)
        with _place(folder, options) as site:
            postgres = versions(site.connect("messaging")).postgres
            machine = report.machine(postgres, joining.versions())
            if machine.is_busy:
                _say(_busy(machine))
            figures = _measure(site, joining, options, _say)
    figures += _measure_alone(options, _say)
    if options.report:
        report.write(options.report, figures, machine, began, options)
    if options.chart:
        options.chart.write_text(chart.svg(figures, _note(machine, options)), encoding="utf-8")
    return figures


def _peers(folder: Path, options: BenchOptions) -> Peers:
    if not options.is_compared:
        return Peers()
    return peers.ready(folder / "node", _say, wanted=options.has_peers)


def _compare(figures: Sequence[Figure], earlier: against.Earlier, options: BenchOptions) -> int:
    if different := earlier.other_conditions(options):
        _say(different)
    found = against.changes(figures, earlier)
    _show(against.table(found))
    if worse := against.verdict(found, options.tolerance):
        _say(f"Worse by more than {100 * options.tolerance:g} %:\n{worse}")
        return _WORSE
    return 0


def _show(table: Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = report.WIDTH
    console.print(table)


def _say(sentence: str) -> None:
    # Not through rich: a line that Ctrl-C interrupts would be printed twice.
    print(sentence, file=sys.stderr, flush=True)


def _expect_folder(file: Path | None) -> None:
    if file and not file.absolute().parent.is_dir():
        raise Refused(f"There is no folder {file.parent} to write {file.name} to.")


def _expect_parts(options: BenchOptions) -> None:
    if options.chart and not options.is_compared:
        raise Refused("--chart draws sending and latency: have one of them in --only, too.")
    if "hosts" in options.only:
        network.entrance()
    if options.has_urgent and "latency" not in options.only:
        raise Refused("--urgent is a figure of the latency: have that in --only, too.")
    if options.processes > 1 and not options.is_compared:
        raise Refused("--processes is for sending and latency: have one of them in --only, too.")


def _measure(site: Site, joining: Peers, options: BenchOptions, say: Say) -> list[Figure]:
    """Begins with what wants few processes around it, and ends with what wants them all."""
    figures: list[Figure] = []
    if "enqueue" in options.only:
        say(f"enqueue: {options.messages:,} rows, {options.runs} times each way")
        figures += enqueuing.measure(site, options.runs, options.messages)
    if {"receipts", "idle"} & set(options.only):
        receipts.start_web(site)
    if "receipts" in options.only:
        say(f"receipts: {options.messages:,} signed callbacks, {options.runs} times")
        figures += receipts.measure(site, options.runs, options.messages)
    if "promotion" in options.only:
        say(f"promotion: {options.messages:,} rows, {options.runs} times each way")
        figures += promotion.measure(site, options.runs, options.messages)
    if options.is_compared or "idle" in options.only:
        figures += _measure_sending(site, joining, options, say)
    return figures


def _measure_alone(options: BenchOptions, say: Say) -> list[Figure]:
    """What wants new processes and a table without rows, in places of its own."""
    figures: list[Figure] = []
    if {"memory", "scaling"} & set(options.only):
        with _new_place(options) as site:
            ours = Ours(site)
            if "memory" in options.only:
                figures += memory.measure(site, ours, options.messages, say)
            if "scaling" in options.only:
                figures += scaling.measure(site, ours, options, say)
    if "hosts" in options.only:
        figures += hosts.measure(options, say)
    if "growth" in options.only:
        with _new_place(options) as few, _new_place(options) as many:
            figures += growth.measure(few, many, options, say)
    if "storage" in options.only:
        with _new_place(options) as site:
            figures += storage.measure(site, options, say)
    if "rules" in options.only:
        every_rule = rules.every_rule(datetime.now(UTC))
        with _new_place(options) as plain, _new_place(options, every_rule) as ruled:
            figures += rules.measure(plain, ruled, options, say)
    return figures


def _place(folder: Path, options: BenchOptions, settings: Mapping[str, str] = DEFAULT) -> Site:
    connections = CONNECTIONS * options.processes
    return Site(folder, options.latency, settings, STAND_IN, connections=connections)


@contextmanager
def _new_place(options: BenchOptions, settings: Mapping[str, str] = DEFAULT) -> Iterator[Site]:
    with new_folder("bench") as folder, _place(folder, options, settings) as site:
        yield site


def _measure_sending(site: Site, joining: Peers, options: BenchOptions, say: Say) -> list[Figure]:
    figures: list[Figure] = []
    ours = Ours(site)
    say("warming up")
    sending.warm_up(site, ours, options.messages)
    if "idle" in options.only:
        say(f"idle: watching for {options.idle / timedelta(seconds=1):g} s")
        figures += idling.measure(site, options.idle)
    if not options.is_compared:
        return figures
    ours.have(options.processes)
    others = list(_others(site, joining, options.processes))
    for side in (ours, *others):
        sending.warm_up(site, side, options.messages, options.processes)
    if "latency" in options.only:
        figures += latency.measure(site, ours, others, options.messages, say)
    if options.has_urgent:
        figures += urgency.measure(site, ours, options.backlog, say)
    if "sending" in options.only:
        samples = sending.measure(site, ours, others, options, say)
        figures += samples.figures("sending", "message")
    return figures


def _others(site: Site, joining: Peers, processes: int) -> Iterator[Contender]:
    """Those that we are compared with, started."""
    yield Plain(site, processes)
    yield Floor(site, processes)
    yield from joining.started(site, processes)


def _note(machine: report.Machine, options: BenchOptions) -> str:
    """What stands below the chart."""
    return (
        f"Sending: {options.messages:,} messages a run, Twilio takes "
        f"{options.latency / timedelta(milliseconds=1):g} ms. Latency: one by one, at 0 ms. "
        f"{machine.cores} cores, {a_side(options.processes)}."
    )


def _busy(machine: report.Machine) -> str:
    return (
        f"This machine is busy with something else (load {machine.load:g} on {machine.cores} "
        "cores): compare ratios, not figures."
    )
