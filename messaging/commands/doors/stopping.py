"""`stop`, `resume`, `stops`: the kill switch."""

from typing import Annotated

import typer

from messaging.commands.doors.options import FLAG, RUN, Command, Json
from messaging.commands.exits import ExitCode

InLane = Annotated[str | None, typer.Option("--lane", metavar="LANE", help="urgent or normal.")]
Country = Annotated[
    str | None,
    typer.Option(metavar="COUNTRY", help="US, or +44 for all numbers that begin so."),
]
Campaign = Annotated[
    str | None, typer.Option(metavar="NAME", help="As `campaign` in the messages' metadata.")
]
By = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who it is, for the journal; else this user.")
]


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    app.command(cls=Command, rich_help_panel=RUN)(stop)
    app.command(cls=Command, rich_help_panel=RUN)(resume)
    app.command(cls=Command, rich_help_panel=RUN)(stops)


def stop(
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who find out.")],
    lane: InLane = None,
    country: Country = None,
    campaign: Campaign = None,
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """Stop sending within a second: all, or a lane, a country, a campaign.

    What waits is kept, and goes out after `messaging resume`.
    """
    from messaging.commands import stopping
    from messaging.commands.screen import Screen

    what = stopping.What(lane=lane, country=country, campaign=campaign)
    return stopping.stop(Screen(json=json), what, reason, by)


def resume(
    lane: InLane = None,
    country: Country = None,
    campaign: Campaign = None,
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """End a stop: what waited for it goes out."""
    from messaging.commands import stopping
    from messaging.commands.screen import Screen

    what = stopping.What(lane=lane, country=country, campaign=campaign)
    return stopping.resume(Screen(json=json), what, by)


def stops(
    past: Annotated[
        bool, typer.Option("--past", metavar=FLAG, help="Also what was resumed.")
    ] = False,
    json: Json = False,
) -> ExitCode:
    """List what is stopped, by whom and why, and what the caps have counted."""
    from messaging.commands import stopping
    from messaging.commands.screen import Screen

    return stopping.show_stops(Screen(json=json), past=past)
