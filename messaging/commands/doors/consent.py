"""`consent` and `inbound`: who may be texted, and what people text us about that."""

from pathlib import Path
from typing import Annotated

import typer

from messaging.commands.doors.deciding import By
from messaging.commands.doors.options import MESSAGES, Command, Full, Group, Json
from messaging.commands.exits import ExitCode

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The phone number.")]
Evidence = Annotated[
    str, typer.Option("--evidence", metavar="TEXT", help="How you know: a form, a call, a ticket.")
]


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of the program."""
    consent = typer.Typer(cls=Group, help="See and record who may be texted.")
    consent.command("show", cls=Command)(show)
    consent.command("opt-out", cls=Command)(opt_out)
    consent.command("opt-in", cls=Command)(opt_in)
    consent.command("import", cls=Command)(import_file)
    app.add_typer(consent, name="consent", rich_help_panel=MESSAGES)
    inbound = typer.Typer(cls=Group, help="Read the texts to us that sound like a refusal.")
    inbound.command("list", cls=Command)(list_all)
    inbound.command("seen", cls=Command)(seen)
    app.add_typer(inbound, name="inbound", rich_help_panel=MESSAGES)
    for group in (consent, inbound):
        group.callback(invoke_without_command=True)(_help)


def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def show(number: Number, full: Full = False, json: Json = False) -> ExitCode:
    """Tell what a number has said about being texted, with the evidence."""
    from messaging.commands import consent
    from messaging.commands.screen import Screen

    return consent.show(Screen(json=json), number, full=full)


def opt_out(number: Number, evidence: Evidence, by: By = None, json: Json = False) -> ExitCode:
    """Text a number no more: what waits for it is withdrawn, at Twilio too."""
    from messaging.commands import consent
    from messaging.commands.screen import Screen

    return consent.opt_out(Screen(json=json), number, evidence, by)


def opt_in(
    number: Number,
    evidence: Evidence,
    category: Annotated[
        str, typer.Option(metavar="CATEGORY", help="all, transactional or marketing.")
    ] = "all",
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """Record that a number agreed to be texted."""
    from messaging.commands import consent
    from messaging.commands.screen import Screen

    return consent.opt_in(Screen(json=json), number, evidence, category, by)


def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="phone,state,evidence[,category]")
    ],
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """Record a list of opt-ins and opt-outs: every row of it, or none."""
    from messaging.commands import consents
    from messaging.commands.screen import Screen

    return consents.import_file(Screen(json=json), file, by)


def list_all(full: Full = False, json: Json = False) -> ExitCode:
    """List the texts that wait for a person, the oldest first."""
    from messaging.commands import reading
    from messaging.commands.screen import Screen

    return reading.show_list(Screen(json=json), full=full)


def seen(
    sid: Annotated[str, typer.Argument(metavar="SID", help="The text's id at Twilio.")],
    by: By = None,
    json: Json = False,
) -> ExitCode:
    """Note that you have read a text, and done what it asks for."""
    from messaging.commands import reading
    from messaging.commands.screen import Screen

    return reading.see(Screen(json=json), sid, by)
