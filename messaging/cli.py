"""The command line: `messaging`, for people and for scripts."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from messaging.addressing import masked
from messaging.commands.doors import (
    changing,
    consent,
    dead,
    deciding,
    erasing,
    handing_over,
    looking,
    measuring,
    numbers,
    proving,
    running,
    series,
    stopping,
    templates,
)
from messaging.commands.doors.options import FLAG, Group
from messaging.commands.exits import ExitCode
from messaging.errors import MessagingError, NotFound, Refused

app = typer.Typer(
    name="messaging",
    cls=Group,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"messaging {version('messaging')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _messaging(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option(
            "--version", metavar=FLAG, help="Show the version.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Texts people reliably through Twilio, from Postgres.

    [bold]messaging up[/] runs all of it on this machine.
    Elsewhere, settings come from the environment; [bold]messaging check[/] looks at everything.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


_DOORS = (
    running,
    measuring,
    proving,
    handing_over,
    looking,
    changing,
    deciding,
    stopping,
    dead,
    consent,
    numbers,
    erasing,
    templates,
    series,
)
for _doors in _DOORS:
    _doors.add_to(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command, and returns its exit code.

    `arguments` are those of the process, where none are given.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = get_command(app).main(words, prog_name="messaging", standalone_mode=False)
    except TyperException as error:
        return _say(words, _usage(error), ExitCode.REFUSED)
    except MessagingError as error:
        return _say(words, str(error), _exit_code(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return ExitCode.TROUBLE
    return int(code or ExitCode.OK)


def _exit_code(error: MessagingError) -> ExitCode:
    match error:
        case Refused():
            return ExitCode.REFUSED
        case NotFound():
            return ExitCode.NOT_FOUND
        case _:
            return ExitCode.TROUBLE


def _usage(error: TyperException) -> str:
    """What was typed wrongly, and how to see what is right."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "messaging"
    said = error.format_message()
    said = said if said.endswith((".", "?")) else f"{said}."
    return f"{said} `{command} --help` shows how."


def _say(words: Sequence[str], sentence: str, code: ExitCode) -> ExitCode:
    from messaging.commands.screen import Screen

    Screen(json="--json" in words).error(masked(sentence), code)
    return code


if __name__ == "__main__":
    sys.exit(main())
