"""Options that several commands share."""

from typing import Annotated
from uuid import UUID

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

FLAG = ""
"""The metavar of options without a value: help does not say `<bool>` beside them."""

Json = Annotated[bool, typer.Option("--json", metavar=FLAG, help="Print JSON, for scripts.")]
Body = Annotated[str | None, typer.Option("--body", metavar="TEXT", help="The text.")]
TemplateName = Annotated[
    str | None, typer.Option("--template", metavar="NAME", help="A template, in place of --body.")
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A variable of the template; repeatable."),
]
CategoryName = Annotated[
    str | None, typer.Option("--category", metavar="NAME", help="transactional or marketing.")
]
Zone = Annotated[
    str | None,
    typer.Option("--zone", metavar="NAME", help="Whose clocks: Europe/Berlin; else the number's."),
]
Full = Annotated[
    bool, typer.Option("--full", metavar=FLAG, help="Show whole numbers, and the text.")
]

Key = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Idempotency key: the same one is never sent twice."),
]
Media = Annotated[
    list[str] | None, typer.Option(metavar="URL", help="A picture to send; repeatable.")
]
Priority = Annotated[int, typer.Option(metavar="NUMBER", help="-100 to 100; above 5 is urgent.")]
_TIME = typer.Option(metavar="TIME", help="2026-11-25T09:00:00Z, or +10m from now.")
Time = Annotated[str, _TIME]
TimeOrNow = Annotated[str | None, _TIME]
ExpiresIn = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Not sent later than so long after its time: 10m."),
]
ExpiresAt = Annotated[
    str | None, typer.Option(metavar="TIME", help="Not sent from then on, as --at or +10m.")
]
Wait = Annotated[bool, typer.Option("--wait", metavar=FLAG, help="Follow the message to its end.")]


def _message_id(text: str) -> UUID:
    try:
        return UUID(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text[:60]!r} is no id of a message.") from None


MessageId = Annotated[
    UUID, typer.Argument(metavar="ID", parser=_message_id, help="The message's id.")
]

RUN, MESSAGES, FIGURES = "Run", "Messages", "Figures"
"""The headings of `messaging --help`."""


class Command(TyperCommand):
    """A command whose `--help` looks like its other flags."""

    def get_help_option(self, ctx: typer.Context) -> TyperOption | None:  # type: ignore[override]
        """The option, without a metavar."""
        return _flag(super().get_help_option(ctx))


class Group(TyperGroup):
    """The same for a group of commands."""

    def get_help_option(self, ctx: typer.Context) -> TyperOption | None:  # type: ignore[override]
        """The option, without a metavar."""
        return _flag(super().get_help_option(ctx))


def _flag(option: TyperOption | None) -> TyperOption | None:
    if option:
        option.metavar = FLAG
    return option
