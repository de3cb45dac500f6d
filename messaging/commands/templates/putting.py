"""`messaging template put`: stores a template that linting has no errors in."""

from collections.abc import Sequence
from dataclasses import dataclass

from messaging.commands.database import database
from messaging.commands.exits import ExitCode
from messaging.commands.pairs import pairs
from messaging.commands.screen import Screen
from messaging.commands.templates import findings
from messaging.commands.templates.source import Wish, read
from messaging.domain import content
from messaging.domain.fields import text as checked_text
from messaging.domain.linting import Found, Size, lint
from messaging.errors import Refused
from messaging.postgres import templates
from messaging.settings import load

_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What `template put --json` prints: `result` is `created` or `replaced`."""

    name: str
    result: str
    version: int
    variables: Sequence[str]
    in_doubt_policy: str | None
    findings: Sequence[Found]
    sizes: Sequence[Size]


def put(screen: Screen, name: str, wish: Wish) -> ExitCode:
    """Stores a template under a name. Raises Refused with what is wrong in it."""
    source = read(wish)
    _check(name)
    settings = load()
    looked = lint(source.columns, settings.lines.added_to(source.columns, source.opt_out_line))
    if looked.errors:
        raise Refused(findings.refusal(looked.errors))
    said = content.read(source.columns)
    names = sorted(said.names())
    if unknown := pairs(wish.values, "--var").keys() - set(names):
        raise Refused(f"The text does not use {', '.join(sorted(unknown))}: leave --var out.")
    with database(settings) as conn:
        stored = templates.put(
            conn,
            name=name,
            content=said,
            policy=source.in_doubt_policy,
            opt_out_line=source.opt_out_line,
        )
    result = "created" if stored.is_new else "replaced"
    screen.show(
        Stored(
            name=name,
            result=result,
            version=stored.version,
            variables=names,
            in_doubt_policy=source.in_doubt_policy,
            findings=looked.findings,
            sizes=looked.sizes,
        )
    )
    wanted = f" It takes {', '.join(names)}." if names else ""
    screen.good(f"{name} is {result}, as version {stored.version}.{wanted}")
    findings.show(screen, looked)
    return ExitCode.OK


def _check(name: str) -> None:
    if name != name.strip() or not 1 <= len(checked_text(name, "The name")) <= _LONGEST_NAME:
        raise Refused(f"A template's name has 1 to {_LONGEST_NAME} characters, no space around.")
