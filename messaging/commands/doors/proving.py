"""`chaos`: whether a message can get lost or be sent twice."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from messaging.commands.doors.options import FLAG, RUN, Command, Json


def add_to(app: typer.Typer) -> None:
    """Makes this command part of the program."""
    app.command(cls=Command, rich_help_panel=RUN)(chaos)


def chaos(
    messages: Annotated[int, typer.Option(min=1, help="To hand over.")] = 5000,
    kills: Annotated[int, typer.Option(min=1, help="With -9, of every kind of process.")] = 60,
    seed: Annotated[int, typer.Option(help="The same one makes the same plan.")] = 1,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="How long there is trouble; without: 0.75 s a kill."),
    ] = None,
    baseline: Annotated[
        bool,
        typer.Option("--baseline", metavar=FLAG, help="Hurt plain Celery instead, to compare."),
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it here: .html or .json.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep everybody's logs here.")
    ] = None,
    json: Json = False,
) -> int:
    """Kill everything again and again, and prove that no text gets lost or doubled.

    Everything that it needs is embedded and removed at the end; takes about two minutes.
    """
    from messaging.commands import proving
    from messaging.commands.screen import Screen
    from messaging.local.chaos import ChaosOptions

    options = ChaosOptions(
        messages=messages,
        kills=kills,
        seed=seed,
        trouble=timedelta(minutes=minutes) if minutes is not None else None,
        baseline=baseline,
        report=report,
        keep=keep,
    )
    return proving.chaos(Screen(json=json), options)
