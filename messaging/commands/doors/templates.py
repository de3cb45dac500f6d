"""`template put` and `template list`."""

from pathlib import Path
from typing import Annotated

import typer

from messaging.commands.doors.options import MESSAGES, Command, Group, Json
from messaging.commands.exits import ExitCode


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    group = typer.Typer(cls=Group, help="Keep texts with {{variables}}.", no_args_is_help=False)
    group.callback(invoke_without_command=True)(_template)
    group.command("put", cls=Command)(put)
    group.command("list", cls=Command)(list_all)
    app.add_typer(group, name="template", rich_help_panel=MESSAGES)


def _template(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def put(
    name: Annotated[str, typer.Argument(help="What messages name it by.")],
    text: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The text, with {{variables}}.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A UTF-8 file with the text, in place of --text.")
    ] = None,
    var: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="For messages that do not give it; repeatable."),
    ] = None,
    in_doubt_policy: Annotated[
        str | None,
        typer.Option(metavar="POLICY", help="reconcile, hold, resend or fail; else the setting's."),
    ] = None,
    json: Json = False,
) -> ExitCode:
    """Store a template, in place of one that has this name."""
    from messaging.commands import templates
    from messaging.commands.screen import Screen

    wish = templates.Wish(
        name=name, text=text, file=file, defaults=var or [], in_doubt_policy=in_doubt_policy
    )
    return templates.put(Screen(json=json), wish)


def list_all(json: Json = False) -> ExitCode:
    """List the templates."""
    from messaging.commands import templates
    from messaging.commands.screen import Screen

    return templates.show_all(Screen(json=json))
