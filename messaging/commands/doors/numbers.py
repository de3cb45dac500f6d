"""`numbers list` and `numbers forget`: numbers that take no texts."""

from typing import Annotated

import typer

from messaging.commands.doors.options import MESSAGES, Command, Full, Group, Json
from messaging.commands.exits import ExitCode


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    group = typer.Typer(cls=Group, help="See to numbers that take no texts, as carriers reported.")
    group.callback(invoke_without_command=True)(_numbers)
    group.command("list", cls=Command)(list_all)
    group.command("forget", cls=Command)(forget)
    app.add_typer(group, name="numbers", rich_help_panel=MESSAGES)


def _numbers(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def list_all(
    limit: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="The latest so many.")] = 100,
    full: Full = False,
    json: Json = False,
) -> ExitCode:
    """List them, the latest first, and until when they are spared."""
    from messaging.commands import numbers
    from messaging.commands.screen import Screen

    return numbers.show_list(Screen(json=json), limit, full=full)


def forget(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number: +14155552671.")],
    json: Json = False,
) -> ExitCode:
    """Have the next message to a number sent again."""
    from messaging.commands import numbers
    from messaging.commands.screen import Screen

    return numbers.forget(Screen(json=json), number)
