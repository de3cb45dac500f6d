"""`cancel` and `reschedule`: for messages that have not gone out."""

import typer

from messaging.commands.doors.options import MESSAGES, Command, Json, MessageId, Time
from messaging.commands.exits import ExitCode


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    app.command(cls=Command, rich_help_panel=MESSAGES)(cancel)
    app.command(cls=Command, rich_help_panel=MESSAGES)(reschedule)


def cancel(id: MessageId, json: Json = False) -> ExitCode:
    """Stop a message that has not gone out."""
    from messaging.commands import withdrawing
    from messaging.commands.screen import Screen

    return withdrawing.cancel(Screen(json=json), id)


def reschedule(
    id: MessageId,
    at: Time,
    json: Json = False,
) -> ExitCode:
    """Move a message that has not gone out to another time."""
    from messaging.commands import withdrawing
    from messaging.commands.screen import Screen

    return withdrawing.reschedule(Screen(json=json), id, at)
