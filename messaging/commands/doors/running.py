"""`up`, `simulator`, `migrate`, `check`, `probe`: what runs the service, and looks at it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from messaging.commands.doors.options import FLAG, RUN, Command, Json
from messaging.commands.exits import ExitCode


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    app.command(cls=Command, rich_help_panel=RUN)(up)
    app.command(
        cls=Command,
        rich_help_panel=RUN,
        add_help_option=False,
        context_settings={
            "allow_extra_args": True,
            "ignore_unknown_options": True,
            "help_option_names": [],
        },
    )(simulator)
    app.command(cls=Command, rich_help_panel=RUN)(migrate)
    app.command(cls=Command, rich_help_panel=RUN)(check)
    app.command(cls=Command, rich_help_panel=RUN)(probe)


def up(
    data: Annotated[Path, typer.Option(help="Where everything is kept between starts.")] = Path(
        "data"
    ),
    demo: Annotated[
        bool, typer.Option("--demo", metavar=FLAG, help="Send four messages, and watch.")
    ] = False,
    exit_after_demo: Annotated[
        bool,
        typer.Option(
            "--exit-after-demo", metavar=FLAG, help="Stop when the four messages have ended."
        ),
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Of the web process; else PORT, 8000, or the next."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that send.")] = 1,
    no_flower: Annotated[
        bool, typer.Option("--no-flower", metavar=FLAG, help="Leave Flower out.")
    ] = False,
) -> int:
    """Run everything on this machine, in one terminal, until Ctrl-C.

    Postgres and Valkey are embedded unless DATABASE_URL and REDIS_URL name others, and a
    simulator stands for Twilio unless credentials are set.
    """
    from messaging.local.up import UpOptions, run

    return run(
        UpOptions(
            data=data,
            demo=demo or exit_after_demo,
            exit_after_demo=exit_after_demo,
            port=port,
            workers=workers,
            no_flower=no_flower,
        )
    )


def simulator(context: typer.Context) -> int:
    """Run the Twilio simulator alone."""
    from messaging.local.simulator.__main__ import main

    return main(context.args, os.environ)


def migrate(
    status: Annotated[
        bool, typer.Option("--status", metavar=FLAG, help="Only list every migration.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar=FLAG, help="Only list those that would be applied.")
    ] = False,
    lock_timeout: Annotated[
        str, typer.Option(metavar="TIME", help="The longest wait for a table: 500ms, 10s, 1min.")
    ] = "10s",
    json: Json = False,
) -> ExitCode:
    """Bring the database up to date."""
    from messaging.commands import migrating
    from messaging.commands.screen import Screen

    screen = Screen(json=json)
    if status or dry_run:
        return migrating.show(screen, only_missing=not status)
    return migrating.migrate(screen, lock_timeout)


def check(json: Json = False) -> ExitCode:
    """Look at every part, and say what to do where it is wrong.

    Nothing is sent.
    """
    from messaging.commands import checking
    from messaging.commands.screen import Screen

    return checking.check(Screen(json=json))


def probe(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="web, worker, bridge or beat.")],
) -> int:
    """Tell whether the processes of this machine live, for Compose and Kubernetes."""
    from messaging import probe as the_probe

    return the_probe.main([role])
