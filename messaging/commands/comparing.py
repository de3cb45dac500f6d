"""`messaging reconcile`: Twilio's list beside the database, after a failover or a restore."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from messaging import comparison, runtime
from messaging.commands import moments
from messaging.commands.database import answering, database
from messaging.commands.exits import ExitCode
from messaging.commands.operator import name_of
from messaging.commands.report import opened
from messaging.commands.screen import Screen
from messaging.commands.tables import columns, grid
from messaging.comparison import EXAMPLES, Compared, Wish
from messaging.domain.comparison import Comparison, Finding, Kind, Window
from messaging.domain.job import JobId, Sid
from messaging.domain.phone import mask
from messaging.domain.wording import count, plain
from messaging.errors import Refused
from messaging.explanation.line import Tell
from messaging.postgres import figures
from messaging.settings import Settings, load

_MEANS: Mapping[Kind, str] = {
    Kind.RECORDED: "Twilio has their texts: sent, and not to be sent again",
    Kind.HELD: "Twilio may have their texts: a person decides",
    Kind.UNKNOWN: "texts at Twilio that no message here is known to be",
    Kind.MISSING: "sent here, and Twilio does not have their SIDs",
    Kind.WAITING: "nothing at Twilio looks like them: they go out when the workers run",
}
_COLUMNS = ("found", "id", "status", "to", "sid", "delivery_status", "at", "why")
"""Of the report."""
_STYLES = {Kind.HELD: "yellow", Kind.UNKNOWN: "yellow", Kind.MISSING: "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was typed."""

    since: str
    until: str | None
    apply: bool
    by: str | None
    report: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A finding as `--json` prints it."""

    id: JobId | None
    status: str | None
    to: str | None
    sid: Sid | None
    delivery_status: str | None
    at: datetime | None
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What `--json` prints: counts by kind, what was done, and the first findings of each kind."""

    since: datetime
    until: datetime | None
    applied: bool
    seen: int
    not_prepared: int
    found: Mapping[str, int]
    done: Mapping[str, int]
    findings: Mapping[str, Sequence[Shown]]


def reconcile(screen: Screen, options: Options) -> ExitCode:
    """Compares, and shows what was found; UNSUCCESSFUL where something changed meanwhile.

    Raises Refused, and Unreachable where Twilio's list could not be read in full: then nothing
    is changed.
    """
    settings = load()
    with database(settings) as conn:
        now = figures.versions(conn).clock
    wish = _wish(options, now)
    with (
        opened(options.report, _COLUMNS) as report,
        answering(settings.direct_url),
        _compared(screen, settings, wish) as compared,
    ):
        report.write(map(_row, compared.findings()))
        result = compared.result
    screen.show(_shown(result, applied=wish.apply), *_pictures(result, moments.local(now)))
    return _conclude(screen, result, applied=wish.apply)


def _wish(options: Options, now: datetime) -> Wish:
    since = moments.past(options.since, now, "--since")
    until = moments.past(options.until, now, "--until") if options.until else None
    if until and until <= since:
        raise Refused("--until must be later than --since.")
    window = Window(since=since, until=until)
    return Wish(window=window, apply=options.apply, by=name_of(options.by))


def _compared(screen: Screen, settings: Settings, wish: Wish) -> closing[Compared]:
    screen.note("Reading Twilio's list…", "dim")
    rt = runtime.build(settings)
    try:
        return closing(comparison.compare(rt, wish))
    finally:
        rt.close()


def _shown(result: Comparison, *, applied: bool) -> Result:
    return Result(
        since=result.window.since,
        until=result.window.until,
        applied=applied,
        seen=result.seen,
        not_prepared=result.bare,
        found={kind.value: result.found[kind] for kind in Kind},
        done={kind.value: number for kind, number in result.done.items()},
        findings={kind.value: [_one(each) for each in result.examples[kind]] for kind in Kind},
    )


def _one(finding: Finding) -> Shown:
    return Shown(
        id=finding.job_id,
        status=finding.status,
        to=mask(finding.recipient) if finding.recipient else None,
        sid=finding.sid,
        delivery_status=finding.delivery_status,
        at=finding.at,
        why=finding.reason,
    )


def _row(finding: Finding) -> tuple[object, ...]:
    one = _one(finding)
    at = moments.iso(one.at) if one.at else ""
    return (
        *(finding.verdict, one.id, one.status, one.to, one.sid, one.delivery_status),
        *(at, one.why),
    )


def _pictures(result: Comparison, tell: Tell) -> Iterator[Table | Text | str]:
    yield ""
    window = f"since {tell(result.window.since)}"
    yield Text(f"{count(result.seen, 'message')} at Twilio {window}", "bold")
    yield ""
    totals = grid()
    totals.add_column(justify="right")
    totals.add_column(style="dim")
    for kind in Kind:
        number = result.found[kind]
        style = _STYLES.get(kind, "") if number else "dim"
        totals.add_row(kind.value, Text(f"{number:,}", style), _MEANS[kind])
    yield totals
    yield ""
    told = [one for kind in Kind if kind is not Kind.WAITING for one in result.examples[kind]]
    if told:
        yield _table(told, tell)
        yield ""


def _table(findings: Sequence[Finding], tell: Tell) -> Table:
    table = columns("found", "message", "status", "to", "SID", "when", "why")
    for one in findings:
        table.add_row(
            Text(one.verdict, _STYLES.get(one.verdict, "")),
            Text(str(one.job_id or "")),
            Text(one.status or ""),
            Text(plain(mask(one.recipient)) if one.recipient else ""),
            Text(plain(one.sid or "")),
            Text(tell(one.at) if one.at else ""),
            Text(one.reason or ""),
        )
    return table


def _conclude(screen: Screen, result: Comparison, *, applied: bool) -> ExitCode:
    if any(number > EXAMPLES for number in result.found.values()):
        screen.note(f"The first {EXAMPLES} of each kind are shown; --report writes them all.")
    if not applied:
        if result.bare:
            screen.doubtful(
                f"{count(result.bare, 'row')} cannot be compared yet: --apply prepares them first."
            )
        screen.good("Nothing is changed. With --apply, the first two lines are done.")
        return ExitCode.OK
    wanted = result.found[Kind.RECORDED] + result.found[Kind.HELD]
    done = sum(result.done.values())
    if done < wanted:
        screen.bad(
            f"Changed while this ran, and left as it is: {count(wanted - done, 'message')}. Stop "
            "the workers, and run it again."
        )
        return ExitCode.UNSUCCESSFUL
    screen.good(
        f"{result.done[Kind.RECORDED]:,} recorded as sent, {result.done[Kind.HELD]:,} held: "
        "`messaging held` lists those."
    )
    return ExitCode.OK
