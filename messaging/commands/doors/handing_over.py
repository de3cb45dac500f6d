"""`send`, `plan` and `enqueue`: messages handed over, one or a file of them, or planned before."""

from pathlib import Path
from typing import Annotated

import typer

from messaging.commands.doors.options import (
    FLAG,
    MESSAGES,
    Body,
    CategoryName,
    Command,
    ExpiresAt,
    ExpiresIn,
    Json,
    Key,
    Media,
    Priority,
    TemplateName,
    TimeOrNow,
    Variables,
    Wait,
    Zone,
)
from messaging.commands.exits import ExitCode

LocalTime = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="On a clock: 2026-12-01T09:00, in place of --at."),
]
File = Annotated[Path, typer.Argument(help="A .csv, .tsv, .jsonl or .ndjson file.")]
OfRows = Annotated[
    str | None,
    typer.Option("--template", metavar="NAME", help="A template, for rows that name none."),
]
KeyPrefix = Annotated[
    str | None, typer.Option(metavar="PREFIX", help="Rows without a key get PREFIX:ROW as theirs.")
]
Timeout = Annotated[
    int, typer.Option(metavar="SECONDS", help="How long --wait waits, once it is due.")
]


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    app.command(cls=Command, rich_help_panel=MESSAGES)(send)
    app.command(cls=Command, rich_help_panel=MESSAGES)(plan)
    app.command(cls=Command, rich_help_panel=MESSAGES)(enqueue)


def send(
    to: Annotated[str, typer.Option(metavar="NUMBER", help="Whom to text: +14155552671.")],
    body: Body = None,
    template: TemplateName = None,
    var: Variables = None,
    at: TimeOrNow = None,
    local: LocalTime = None,
    zone: Zone = None,
    category: CategoryName = None,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    priority: Priority = 0,
    media: Media = None,
    key: Key = None,
    wait: Wait = False,
    timeout: Timeout = 60,
    json: Json = False,
) -> ExitCode:
    """Hand one message over, and print its id."""
    from messaging.commands import sending
    from messaging.commands.screen import Screen

    wish = sending.Wish(
        to=to,
        body=body,
        template=template,
        variables=tuple(var or ()),
        at=at,
        expires_at=expires_at,
        expires_in=expires_in,
        priority=priority,
        media_urls=tuple(media or ()),
        idempotency_key=key,
        category=category,
        local_time=local,
        zone=zone,
    )
    return sending.send(Screen(json=json), wish, timeout if wait else None)


def plan(
    file: File,
    template: OfRows = None,
    key_prefix: KeyPrefix = None,
    report: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Write what would become of every row here.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", metavar=FLAG, help="Write whole numbers into the report.")
    ] = False,
    json: Json = False,
) -> ExitCode:
    """Tell who would get a file's messages, when and for how much; hand nothing over.

    It takes what [bold]enqueue[/] takes, asks the same rules, and writes nothing.
    """
    from messaging.commands import planning
    from messaging.commands.screen import Screen

    wish = planning.Wish(
        file=file, template=template, key_prefix=key_prefix, report=report, full=full
    )
    return planning.plan(Screen(json=json), wish)


def enqueue(
    file: File,
    template: OfRows = None,
    key_prefix: KeyPrefix = None,
    report: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Write what became of every row here.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", metavar=FLAG, help="Check every row, and hand nothing over."),
    ] = False,
    json: Json = False,
) -> ExitCode:
    """Hand over a file of messages, a row each.

    A bad row is refused, with the reason, and does not sink the rest.
    """
    from messaging.commands import importing
    from messaging.commands.screen import Screen

    wish = importing.Wish(
        file=file, template=template, key_prefix=key_prefix, report=report, dry_run=dry_run
    )
    return importing.enqueue(Screen(json=json), wish)
