"""`messaging check`: looks at every part, also when one is broken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from messaging.commands.checks import (
    alerts,
    database,
    erasure,
    guards,
    missed,
    processes,
    retention,
    twilio,
)
from messaging.commands.checks.finding import Finding, State, ok, trouble
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.domain.wording import count, plain
from messaging.errors import Misconfigured
from messaging.settings import Settings, load

_SIGNS = {
    State.OK: ("✓", "+", "green"),
    State.WARNING: ("!", "!", "yellow"),
    State.TROUBLE: ("✗", "x", "red"),
    State.SKIPPED: ("-", "-", "dim"),
}
_WIDTH = 14
"""The column of names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What `--json` prints; `ok` is false where there is trouble."""

    ok: bool
    findings: Sequence[Finding]


def check(screen: Screen) -> ExitCode:
    """Prints a line for each part as it is looked at; TROUBLE where one is in trouble."""
    findings = []
    if not screen.json:
        screen.show(None, "")
    for finding in _findings():
        findings.append(finding)
        if not screen.json:
            screen.show(None, _line(screen, finding))
    troubles = sum(finding.state is State.TROUBLE for finding in findings)
    if screen.json:
        screen.show(Checked(ok=not troubles, findings=findings))
    else:
        screen.show(None, "", _verdict(findings, troubles), "")
    return ExitCode.TROUBLE if troubles else ExitCode.OK


def _findings() -> Iterator[Finding]:
    try:
        settings = load()
    except Misconfigured as error:
        yield from (trouble("settings", line, "") for line in str(error).splitlines())
        return
    yield ok("settings", _summary(settings))
    looked = database.look(settings)
    yield from looked.findings
    yield alerts.look(settings)
    yield from guards.look(settings)
    yield erasure.look(settings)
    yield missed.look(settings)
    yield retention.look(settings)
    yield from processes.look(settings)
    yield from twilio.look(settings, looked.ahead)


def _summary(settings: Settings) -> str:
    region = settings.default_region
    numbers = f"numbers without + are from {region}" if region else "numbers need + and country"
    return f"complete; {numbers}"


def _line(screen: Screen, finding: Finding) -> Table:
    sign, otherwise, style = _SIGNS[finding.state]
    what = Text(plain(finding.what), "dim" if finding.state is State.SKIPPED else "")
    line = Table.grid(padding=(0, 1))
    line.add_column(width=1)
    line.add_column(width=_WIDTH)
    line.add_column()
    line.add_row(Text(screen.mark(sign, otherwise), f"bold {style}"), finding.name, what)
    if finding.advice:
        line.add_row("", "", Text(finding.advice, style))
    return line


def _verdict(findings: Sequence[Finding], troubles: int) -> Text:
    warnings = sum(finding.state is State.WARNING for finding in findings)
    if troubles:
        return Text(f"{count(troubles, 'part')} in trouble.", "bold red")
    if warnings:
        return Text(f"It works; {count(warnings, 'part')} should be looked at.", "bold yellow")
    return Text("All is well.", "bold green")
