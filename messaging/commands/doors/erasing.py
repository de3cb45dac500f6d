"""`erase` and `erasures`: a number that wants to be forgotten."""

from typing import Annotated

import typer

from messaging.commands.doors.deciding import By
from messaging.commands.doors.options import FLAG, MESSAGES, Command, Group, Json
from messaging.commands.exits import ExitCode


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    app.command(cls=Command, rich_help_panel=MESSAGES)(erase)
    group = typer.Typer(cls=Group, help="See which erasures there were, and their keys.")
    group.callback(invoke_without_command=True)(_erasures)
    group.command("list", cls=Command)(list_all)
    group.command("give-up", cls=Command)(give_up)
    app.add_typer(group, name="erasures", rich_help_panel=MESSAGES)


def _erasures(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def erase(
    number: Annotated[
        str | None,
        typer.Argument(metavar="NUMBER", help="The phone number; else a line of standard input."),
    ] = None,
    at_twilio: Annotated[
        bool,
        typer.Option(
            "--at-twilio", metavar=FLAG, help="Delete Twilio's records of its texts, too."
        ),
    ] = False,
    as_written: Annotated[
        bool,
        typer.Option(
            "--as-written", metavar=FLAG, help="Take it as it stands: a short code, or a name."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar=FLAG, help="Only count what would be erased.")
    ] = False,
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """Erase a number and its texts for good; an opt-out of it still holds."""
    from messaging.commands import erasing
    from messaging.commands.screen import Screen

    wish = erasing.Wish(number=number, by=by, at_twilio=at_twilio, as_written=as_written)
    act = erasing.foresee if dry_run else erasing.erase
    return act(Screen(json=json), wish)


def list_all(
    limit: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="The latest so many.")] = 100,
    json: Json = False,
) -> ExitCode:
    """List erasures, the latest first, and the keys that opt-outs are kept with."""
    from messaging.commands import erasures
    from messaging.commands.screen import Screen

    return erasures.show_list(Screen(json=json), limit)


def give_up(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, of eight digits.")],
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """Send again though a key is lost: its opt-outs are not known any more."""
    from messaging.commands import erasures
    from messaging.commands.screen import Screen

    return erasures.give_up(Screen(json=json), key, by)
