"""`dead list`, `dead show`, `dead replay`, `dead discard`: what has failed, and what then."""

from typing import Annotated

import typer

from messaging.commands.doors.deciding import By
from messaging.commands.doors.options import FLAG, MESSAGES, Command, Group, Json
from messaging.commands.exits import ExitCode

Status = Annotated[str | None, typer.Option(metavar="STATUS", help="failed, held or unreadable.")]
Code = Annotated[int | None, typer.Option(metavar="NUMBER", help="Twilio's error code.")]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Dead since then: 2026-11-25T09:00:00Z, or -2h before now."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Dead by then.")]
User = Annotated[str | None, typer.Option(metavar="UUID", help="Whose message it is.")]
InLane = Annotated[str | None, typer.Option(metavar="LANE", help="urgent or normal.")]
Limit = Annotated[int, typer.Option(min=1, metavar="NUMBER", help="The oldest so many.")]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Messages by id, entries of sms_dlq by number."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", metavar=FLAG, help="Say what would be done, and do nothing.")
]


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    group = typer.Typer(
        cls=Group, help="See to what failed, is held, or could not be read.", no_args_is_help=False
    )
    group.callback(invoke_without_command=True)(_dead)
    group.command("list", cls=Command)(list_all)
    group.command("show", cls=Command)(show)
    group.command("replay", cls=Command)(replay)
    group.command("discard", cls=Command)(discard)
    app.add_typer(group, name="dead", rich_help_panel=MESSAGES)


def _dead(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def list_all(
    status: Status = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    user: User = None,
    lane: InLane = None,
    limit: Limit = 100,
    json: Json = False,
) -> ExitCode:
    """List the dead letters, the oldest first, with the reason."""
    from messaging.commands import dead_letters
    from messaging.commands.screen import Screen
    from messaging.commands.which import Given

    given = Given(status=status, code=code, since=since, until=until, user=user, lane=lane)
    return dead_letters.show_list(Screen(json=json), given, limit)


def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="A message's id, or an entry's number.")],
    json: Json = False,
) -> ExitCode:
    """Show one, and whether it can be replayed."""
    from messaging.commands import dead_letters
    from messaging.commands.screen import Screen

    return dead_letters.show_one(Screen(json=json), id)


def replay(
    ids: Ids = None,
    status: Status = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    user: User = None,
    lane: InLane = None,
    limit: Limit = 1000,
    again: Annotated[
        bool,
        typer.Option("--again", metavar=FLAG, help="Also what was replayed and failed once more."),
    ] = False,
    dry_run: DryRun = False,
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """Send failed messages again, as new ones. What may be out is never repeated."""
    from messaging.commands import undertaking
    from messaging.commands.screen import Screen
    from messaging.commands.which import Given

    given = Given(status=status, code=code, since=since, until=until, user=user, lane=lane)
    options = undertaking.Options(
        ids=ids or [], given=given, limit=limit, dry_run=dry_run, by=by, again=again
    )
    return undertaking.replay(Screen(json=json), options)


def discard(
    ids: Ids = None,
    status: Status = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    user: User = None,
    lane: InLane = None,
    limit: Limit = 1000,
    dry_run: DryRun = False,
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """Take dead letters from the list, on record. Nothing is deleted."""
    from messaging.commands import undertaking
    from messaging.commands.screen import Screen
    from messaging.commands.which import Given

    given = Given(status=status, code=code, since=since, until=until, user=user, lane=lane)
    options = undertaking.Options(ids=ids or [], given=given, limit=limit, dry_run=dry_run, by=by)
    return undertaking.discard(Screen(json=json), options)
