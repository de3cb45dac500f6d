"""`series add`, `list`, `show`, `pause`, `resume` and `stop`."""

from typing import Annotated
from uuid import UUID

import typer

from messaging.commands.doors.options import (
    MESSAGES,
    Body,
    CategoryName,
    Command,
    Group,
    Json,
    Priority,
    TemplateName,
    Variables,
    Zone,
)
from messaging.commands.exits import ExitCode


def _series_id(text: str) -> UUID:
    try:
        return UUID(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text[:60]!r} is no id of a series.") from None


SeriesId = Annotated[UUID, typer.Argument(metavar="ID", parser=_series_id, help="The series' id.")]


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    group = typer.Typer(cls=Group, help="Send reminders again and again.", no_args_is_help=False)
    group.callback(invoke_without_command=True)(_series)
    group.command("add", cls=Command)(add)
    group.command("list", cls=Command)(list_all)
    for command in (show, pause, resume, stop):
        group.command(cls=Command)(command)
    app.add_typer(group, name="series", rich_help_panel=MESSAGES)


def _series(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def add(
    to: Annotated[str, typer.Option(metavar="NUMBER", help="Whom to text: +14155552671.")],
    rule: Annotated[
        str, typer.Option(metavar="RRULE", help="When: FREQ=WEEKLY;BYDAY=MO;COUNT=10.")
    ],
    start: Annotated[
        str, typer.Option(metavar="TIME", help="What the rule counts from: 2026-12-01T09:00.")
    ],
    zone: Zone = None,
    body: Body = None,
    template: TemplateName = None,
    var: Variables = None,
    category: CategoryName = None,
    priority: Priority = 0,
    json: Json = False,
) -> ExitCode:
    """Add a series of reminders, and print its id."""
    from messaging.commands import series
    from messaging.commands.screen import Screen

    wish = series.Wish(
        to=to,
        rule=rule,
        start=start,
        zone=zone,
        body=body,
        template=template,
        variables=tuple(var or ()),
        category=category,
        priority=priority,
    )
    return series.add(Screen(json=json), wish)


def list_all(json: Json = False) -> ExitCode:
    """List the series, the newest first."""
    from messaging.commands import series
    from messaging.commands.screen import Screen

    return series.show_all(Screen(json=json))


def show(id: SeriesId, json: Json = False) -> ExitCode:
    """Show a series, and the latest of its messages."""
    from messaging.commands import series
    from messaging.commands.screen import Screen

    return series.show(Screen(json=json), id)


def pause(id: SeriesId, json: Json = False) -> ExitCode:
    """Let a series rest; what has not gone out is canceled."""
    return _change(id, "paused", json=json)


def resume(id: SeriesId, json: Json = False) -> ExitCode:
    """Let a paused series go on with what is to come."""
    return _change(id, "active", json=json)


def stop(id: SeriesId, json: Json = False) -> ExitCode:
    """End a series for good; what has not gone out is canceled."""
    return _change(id, "stopped", json=json)


def _change(id: UUID, wanted: str, *, json: bool) -> ExitCode:
    from messaging.commands import series
    from messaging.commands.screen import Screen

    return series.change(Screen(json=json), id, wanted)
