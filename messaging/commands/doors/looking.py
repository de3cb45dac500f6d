"""`show`, `explain`, `queues`, `stats`, `alerts`, `retention`: looking, changing nothing."""

from typing import Annotated

import typer

from messaging.commands.doors.options import FIGURES, FLAG, MESSAGES, Command, Full, Json, MessageId
from messaging.commands.exits import ExitCode


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    app.command(cls=Command, rich_help_panel=MESSAGES)(show)
    app.command(cls=Command, rich_help_panel=MESSAGES)(explain)
    app.command(cls=Command, rich_help_panel=FIGURES)(queues)
    app.command(cls=Command, rich_help_panel=FIGURES)(stats)
    app.command(cls=Command, rich_help_panel=FIGURES)(alerts)
    app.command(cls=Command, rich_help_panel=FIGURES)(retention)


def show(id: MessageId, full: Full = False, json: Json = False) -> ExitCode:
    """Show a message as it stands."""
    from messaging.commands import showing
    from messaging.commands.screen import Screen

    return showing.show(Screen(json=json), id, full=full)


def explain(id: MessageId, full: Full = False, json: Json = False) -> ExitCode:
    """Tell what happened to a message, and what happens next."""
    from messaging.commands import explaining
    from messaging.commands.screen import Screen

    return explaining.explain(Screen(json=json), id, full=full)


def queues(
    watch: Annotated[
        bool, typer.Option("--watch", metavar=FLAG, help="Show it anew each second.")
    ] = False,
    json: Json = False,
) -> ExitCode:
    """Show how much waits, where and for how long, and how fast it goes."""
    from messaging.commands import queueing
    from messaging.commands.screen import Screen

    screen = Screen(json=json)
    return queueing.watch(screen) if watch else queueing.queues(screen)


def stats(json: Json = False) -> ExitCode:
    """Show what was sent, and what failed and why."""
    from messaging.commands import counting
    from messaging.commands.screen import Screen

    return counting.stats(Screen(json=json))


def alerts(json: Json = False) -> ExitCode:
    """List the alerts that fire, since when, and what to do about them."""
    from messaging.commands import alerting
    from messaging.commands.screen import Screen

    return alerting.show_alerts(Screen(json=json))


def retention(json: Json = False) -> ExitCode:
    """Show how long things are kept, how old they are, and whether deletion keeps up."""
    from messaging.commands import retaining
    from messaging.commands.screen import Screen

    return retaining.show(Screen(json=json))
