"""`messaging migrate`: the database brought up to date, or what that would do."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.text import Text

from messaging.commands.database import answering, place
from messaging.commands.exits import ExitCode
from messaging.commands.screen import Screen
from messaging.commands.tables import columns
from messaging.domain.wording import count, plain, span
from messaging.errors import Refused
from messaging.postgres.migrate import migrate as apply
from messaging.postgres.migrate import standing
from messaging.settings import load

CHANGED = (
    "A file has changed since it was applied: put it back as it was, and write a new migration."
)

_TIME = re.compile(r"\d{1,7} ?(ms|s|min|h)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A migration, whether the database has it, and whether its file has changed since."""

    version: str
    name: str
    applied: bool
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What `--json` prints: those that were applied just now, or those that were asked about."""

    database: str
    migrations: Sequence[Step]


def migrate(screen: Screen, lock_timeout: str) -> ExitCode:
    """Applies what is missing. Raises Refused, Unreachable and Misconfigured."""
    if not _TIME.fullmatch(lock_timeout):
        raise Refused(f"--lock-timeout {plain(lock_timeout)!r} is no time: write 500ms, 10s, 1min.")
    url = load().direct_url
    began = time.monotonic()
    with answering(url):
        applied = apply(url, lock_timeout=lock_timeout)
    steps = [Step(version=m.version, name=m.name, applied=True) for m in applied]
    _show(screen, url, steps)
    took = span(timedelta(seconds=time.monotonic() - began))
    done = f"{count(len(steps), 'migration')} applied in {took}." if steps else "Up to date."
    screen.good(done)
    return ExitCode.OK


def show(screen: Screen, *, only_missing: bool) -> ExitCode:
    """Lists every migration, or those that the database lacks; changes nothing."""
    url = load().direct_url
    with answering(url):
        all_of_them = standing(url)
    steps = [
        Step(
            version=one.migration.version,
            name=one.migration.name,
            applied=one.applied,
            changed=one.changed,
        )
        for one in all_of_them
        if not (only_missing and one.applied and not one.changed)
    ]
    _show(screen, url, steps)
    if any(step.changed for step in steps):
        screen.bad(CHANGED)
        return ExitCode.TROUBLE
    missing = sum(not step.applied for step in steps)
    if missing:
        screen.doubtful(f"{count(missing, 'migration')} to apply: run `messaging migrate`.")
    else:
        screen.good("Up to date.")
    return ExitCode.OK


def _show(screen: Screen, url: str, steps: Sequence[Step]) -> None:
    table = columns("version", "migration", "")
    for step in steps:
        table.add_row(step.version, step.name.replace("_", " "), _state(step))
    value = Steps(database=place(url), migrations=steps)
    screen.show(value, *([table] if steps else []))


def _state(step: Step) -> Text:
    if step.changed:
        return Text("changed since", "red")
    return Text("applied", "green") if step.applied else Text("missing", "yellow")
