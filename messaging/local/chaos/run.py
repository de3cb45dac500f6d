"""`messaging chaos`: the story of one run."""

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from messaging.local.chaos import machine
from messaging.local.chaos.crew import Crew
from messaging.local.chaos.drill import Drill
from messaging.local.chaos.options import ChaosOptions, expect_writable
from messaging.local.chaos.ours import Ours
from messaging.local.chaos.outcome import Outcome
from messaging.local.chaos.plain import Plain
from messaging.local.chaos.roll import Roll
from messaging.local.chaos.side import Side
from messaging.local.chaos.site import Site
from messaging.local.chaos.verdict import Found, verdict
from messaging.local.process import wait_until
from messaging.local.throwaway import new_folder

_END_LIMIT = 15.0
"""Seconds after which a process of the run counts as left behind."""
_NOT_KEPT = ("cluster*", "*password", "pgpass", "elsewhere", "lock")
"""The database itself, and secrets."""

Say = Callable[[str], None]


def run(options: ChaosOptions, say: Say) -> Outcome:
    """Hurt the service, compare the records, and leave nothing behind, whatever happens.

    `say` is told how it goes. Raises Refused where the report could not be written, and other
    MessagingErrors where something does not start.
    """
    expect_writable(options.report)
    clock = time.monotonic()
    roll = Roll()
    with new_folder("chaos") as folder, Site(folder, options.seed) as site:
        with closing(Plain(site) if options.baseline else Ours(site)) as side:
            found = _drill(options, site, side, folder, roll, say)
        if options.keep:
            _keep(folder, options.keep)
    wait_until(lambda: not roll.left(), limit=_END_LIMIT)
    found = replace(found, seconds=time.monotonic() - clock, processes=len(roll), left=roll.left())
    return verdict(options, found)


def _drill(
    options: ChaosOptions, site: Site, side: Side, folder: Path, roll: Roll, say: Say
) -> Found:
    """From the first start to the records, when nobody of the crew is there any more."""
    began = datetime.now(UTC)
    with site.connect() as conn:
        place = machine.place(conn, site.valkey.url)
    with Crew(folder, site.guard) as crew:
        drill = Drill(site=site, crew=crew, side=side, roll=roll, options=options, say=say)
        say("starting everything")
        drill.start()
        holdings = drill.make_trouble()
        roll.call()
    say("comparing Twilio's ledger with the database")
    with site.connect() as conn:
        keys, records = side.records(conn)
    return Found(
        began=began,
        seconds=0.0,
        sender=side.name,
        place=place,
        settings=site.settings,
        log=drill.log,
        commits_again=drill.commits_again,
        decided=drill.decided,
        lasted=drill.lasted,
        holdings=holdings,
        keys=keys,
        records=records,
        processes=0,
        left=(),
    )


def _keep(folder: Path, where: Path) -> None:
    shutil.copytree(folder, where, ignore=shutil.ignore_patterns(*_NOT_KEPT), dirs_exist_ok=True)
