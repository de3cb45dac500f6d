"""`template put`, `list`, `show`, `lint`, `render`, `history` and `diff`."""

from pathlib import Path
from typing import Annotated

import typer

from messaging.commands.doors.options import MESSAGES, Command, Group, Json
from messaging.commands.exits import ExitCode

Name = Annotated[str, typer.Argument(metavar="NAME", help="What messages name it by.")]
NameOrNone = Annotated[
    str | None, typer.Argument(metavar="NAME", help="One that is stored, in place of a text.")
]
TextOption = Annotated[
    str | None, typer.Option("--text", metavar="TEXT", help="The text, with {{variables}}.")
]
File = Annotated[
    Path | None,
    typer.Option(help="A UTF-8 file with the text, or .toml or .json with more; - is stdin."),
]
Version = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="One of its versions; else the newest.")
]


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    group = typer.Typer(cls=Group, help="Keep texts with {{variables}}.", no_args_is_help=False)
    group.callback(invoke_without_command=True)(_template)
    group.command("put", cls=Command)(put)
    group.command("list", cls=Command)(list_all)
    group.command("show", cls=Command)(show)
    group.command("lint", cls=Command)(lint)
    group.command("render", cls=Command)(render)
    group.command("history", cls=Command)(history)
    group.command("diff", cls=Command)(diff)
    app.add_typer(group, name="template", rich_help_panel=MESSAGES)


def _template(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def put(
    name: Name,
    text: TextOption = None,
    file: File = None,
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
    from messaging.commands.screen import Screen
    from messaging.commands.templates import putting
    from messaging.commands.templates.source import Wish

    wish = Wish(text=text, file=file, values=tuple(var or ()), in_doubt_policy=in_doubt_policy)
    return putting.put(Screen(json=json), name, wish)


def list_all(json: Json = False) -> ExitCode:
    """List the templates."""
    from messaging.commands.screen import Screen
    from messaging.commands.templates import listing

    return listing.show_all(Screen(json=json))


def show(name: Name, version: Version = None, json: Json = False) -> ExitCode:
    """Show what a template says; as JSON, in the form that `put --file` takes."""
    from messaging.commands.screen import Screen
    from messaging.commands.templates import past

    return past.show(Screen(json=json), name, version)


def lint(
    name: NameOrNone = None, text: TextOption = None, file: File = None, json: Json = False
) -> ExitCode:
    """Look for errors, costly characters and long texts: in a text, a template, or all."""
    from messaging.commands.screen import Screen
    from messaging.commands.templates import linting
    from messaging.commands.templates.source import Wish

    return linting.show(Screen(json=json), name, Wish(text=text, file=file))


def render(
    name: NameOrNone = None,
    text: TextOption = None,
    file: File = None,
    var: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A variable; else its default or its example."),
    ] = None,
    version: Version = None,
    json: Json = False,
) -> ExitCode:
    """Print the text that a template makes. Nothing is handed over."""
    from messaging.commands.screen import Screen
    from messaging.commands.templates import rendering
    from messaging.commands.templates.source import Wish

    wish = Wish(text=text, file=file, values=tuple(var or ()))
    return rendering.show(Screen(json=json), name, wish, version=version)


def history(name: Name, json: Json = False) -> ExitCode:
    """List the versions of a template."""
    from messaging.commands.screen import Screen
    from messaging.commands.templates import past

    return past.history(Screen(json=json), name)


def diff(
    name: Name,
    old: Annotated[
        int | None, typer.Argument(metavar="OLD", help="A version; else the one before NEW.")
    ] = None,
    new: Annotated[
        int | None, typer.Argument(metavar="NEW", help="A version; else the newest.")
    ] = None,
    json: Json = False,
) -> ExitCode:
    """Compare two versions of a template, line by line."""
    from messaging.commands.screen import Screen
    from messaging.commands.templates import past

    return past.diff(Screen(json=json), name, old, new)
