"""`held`, `resolve`, `reconcile`: what a person decides, and finds out before."""

from pathlib import Path
from typing import Annotated

import typer

from messaging.commands.doors.options import FLAG, MESSAGES, RUN, Command, Full, Json, MessageId
from messaging.commands.exits import ExitCode
from messaging.domain.job import JobId

By = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who decides, for the journal; else this user's name."),
]


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    app.command(cls=Command, rich_help_panel=MESSAGES)(held)
    app.command(cls=Command, rich_help_panel=MESSAGES)(resolve)
    app.command(cls=Command, rich_help_panel=RUN)(reconcile)


def held(full: Full = False, json: Json = False) -> ExitCode:
    """List the messages that wait for a person, and what to do about them."""
    from messaging.commands import holding
    from messaging.commands.screen import Screen

    return holding.show_held(Screen(json=json), full=full)


def resolve(
    id: MessageId,
    sent: Annotated[
        str | None, typer.Option(metavar="SID", help="Twilio has it, under this SID.")
    ] = None,
    resend: Annotated[
        bool, typer.Option("--resend", metavar=FLAG, help="It did not go out: send it again.")
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", metavar=FLAG, help="Leave it, whether it went out or not.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", metavar=FLAG, help="Do not ask Twilio about the SID.")
    ] = False,
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """Decide about a held message: one of --sent, --resend and --cancel."""
    from messaging.commands import resolving
    from messaging.commands.screen import Screen

    options = resolving.Options(
        id=JobId(id), sent=sent, resend=resend, cancel=cancel, unchecked=unchecked, by=by
    )
    return resolving.resolve(Screen(json=json), options)


def reconcile(
    since: Annotated[
        str, typer.Option(metavar="TIME", help="2026-11-25T09:00:00Z, or -2h before now.")
    ],
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Texts after it are left alone.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", metavar=FLAG, help="Do it; else it is only told.")
    ] = False,
    by: By = None,
    report: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Write every finding here.")
    ] = None,
    json: Json = False,
) -> ExitCode:
    """Compare the database with Twilio's list, after a failover or a restore."""
    from messaging.commands import comparing
    from messaging.commands.screen import Screen

    options = comparing.Options(since=since, until=until, apply=apply, by=by, report=report)
    return comparing.reconcile(Screen(json=json), options)
