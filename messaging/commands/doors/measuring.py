"""`bench`: how fast it is here."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from messaging.commands.doors.options import FLAG, RUN, Command

Messages = Annotated[int, typer.Option(min=1, help="In one run.")]
Latency = Annotated[int, typer.Option(metavar="MS", min=0, help="How long Twilio takes to answer.")]
Runs = Annotated[int, typer.Option(min=1, help="Of which each figure is the median.")]
Processes = Annotated[int, typer.Option(min=1, help="That send, on each side.")]
Only = Annotated[str, typer.Option(metavar="PARTS", help="A list of these, with commas.")]
Peers = Annotated[
    bool,
    typer.Option(
        "--peers",
        metavar=FLAG,
        help="Also BullMQ, graphile-worker (both need Node.js) and procrastinate.",
    ),
]
Urgent = Annotated[
    bool,
    typer.Option("--urgent", metavar=FLAG, help="Also the latency of urgent texts in a backlog."),
]
Backlog = Annotated[int, typer.Option(min=1, help="Normal texts that wait then.")]
Rows = Annotated[int, typer.Option(min=50, help="In the table when growth or storage is measured.")]
Chart = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw sending and latency here, as SVG.")
]
Report = Annotated[Path | None, typer.Option(metavar="FILE", help="Write every figure here, too.")]
Against = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Compare with what --json has written.")
]
Tolerance = Annotated[
    float,
    typer.Option(metavar="PERCENT", min=0, help="How much worse than there a ratio may be."),
]


def add_to(app: typer.Typer) -> None:
    """Makes this command part of the program."""
    app.command(cls=Command, rich_help_panel=RUN)(bench)


def bench(
    messages: Messages = 3000,
    latency: Latency = 100,
    runs: Runs = 3,
    processes: Processes = 1,
    only: Only = "sending,latency,enqueue,receipts,idle,promotion",
    peers: Peers = False,
    urgent: Urgent = False,
    backlog: Backlog = 10_000,
    rows: Rows = 1_000_000,
    chart: Chart = None,
    json: Report = None,
    against: Against = None,
    tolerance: Tolerance = 20,
) -> int:
    """Measure how fast it is on this machine, beside plain Celery.

    Everything that it needs is embedded and removed at the end; takes about two minutes. On demand
    also --only growth,storage,memory,scaling,hosts, which take some minutes more.
    """
    from messaging.local.bench import BenchOptions, parts, run

    return run(
        BenchOptions(
            messages=messages,
            latency=timedelta(milliseconds=latency),
            runs=runs,
            processes=processes,
            only=parts(only),
            report=json,
            has_peers=peers,
            has_urgent=urgent,
            backlog=backlog,
            rows=rows,
            chart=chart,
            against=against,
            tolerance=tolerance / 100,
        )
    )
